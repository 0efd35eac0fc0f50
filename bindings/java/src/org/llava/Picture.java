package org.llava;

/** What may stand in a message where a picture does: an {@link Image}, or an {@link Embedding} of one. */
public sealed interface Picture permits Image, Embedding {}
