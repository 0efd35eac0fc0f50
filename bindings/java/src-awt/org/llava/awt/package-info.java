/** Pictures of java.awt for llava; a jar of its own, so that the other needs no desktop. */
package org.llava.awt;
