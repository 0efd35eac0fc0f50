package org.llava;

/** What the generated classes of option structs with a callback have besides. */
interface HearingStruct extends OptionsStruct {
  /** From here on the struct tells a {@link Hearing}. */
  void hear(Object hearing);

  /** Forgets it again. */
  void deaf();
}
