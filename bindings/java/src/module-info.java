/** Visual instruction tuning (LLaVA): pictures and questions in, answers out, word by word; training too. */
module org.llava {
  exports org.llava;
}
