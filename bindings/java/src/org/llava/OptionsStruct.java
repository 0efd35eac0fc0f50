package org.llava;

/** What the generated classes of all option structs have in common. */
interface OptionsStruct {
  int from_json(String json, long[] keep);

  void delete();
}
