/** Pictures of java.awt for llava. */
module org.llava.awt {
  requires transitive org.llava;
  requires transitive java.desktop;
  exports org.llava.awt;
}
