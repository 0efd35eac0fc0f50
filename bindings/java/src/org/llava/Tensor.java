package org.llava;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Numbers with a shape, in C order: pixels, features, logits, hidden states. A plain value in direct memory of Java's. */
public final class Tensor {
  /** Kinds of numbers. */
  public enum Dtype {
    F32(NativeConstants.LLAVA_DTYPE_F32, 4),
    F16(NativeConstants.LLAVA_DTYPE_F16, 2),
    BF16(NativeConstants.LLAVA_DTYPE_BF16, 2);

    final int number;
    final int bytes;

    Dtype(int number, int bytes) {
      this.number = number;
      this.bytes = bytes;
    }
  }

  private final Dtype dtype;
  private final long[] shape;
  private final ByteBuffer data;

  private Tensor(Dtype dtype, long[] shape, ByteBuffer data) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /**
   * A tensor of numbers that are copied.
   *
   * @param data  the numbers in the machine's byte order, from the buffer's position
   * @param shape  sizes, each at least 1
   */
  public static Tensor of(ByteBuffer data, Dtype dtype, long... shape) {
    long bytes = dtype.bytes;
    for (long size : shape) {
      if (size < 1) throw new LlavaException.InvalidArgument("a size is " + size + ", expected at least 1");
      bytes = Math.multiplyExact(bytes, size);
    }
    if (shape.length < 1 || data.remaining() != bytes) {
      throw new LlavaException.InvalidArgument("data are " + data.remaining() + " bytes, expected " + bytes);
    }
    ByteBuffer copy = ByteBuffer.allocateDirect(Math.toIntExact(bytes));
    copy.put(data.duplicate()).flip();
    return new Tensor(dtype, shape.clone(), copy);
  }

  /** A tensor of f32 numbers. */
  public static Tensor of(float[] numbers, long... shape) {
    ByteBuffer data = ByteBuffer.allocateDirect(Math.multiplyExact(4, numbers.length)).order(ByteOrder.nativeOrder());
    data.asFloatBuffer().put(numbers);
    return of(data, Dtype.F32, shape);
  }

  /** Takes the numbers out of a tensor of the library and frees that. */
  static Tensor take(long handle) {
    llava_tensor_desc desc = new llava_tensor_desc();
    try {
      Native.llava_tensor_info(handle, desc);
      ByteBuffer data = ByteBuffer.allocateDirect(Math.toIntExact(desc.getSize_bytes()));
      Native.llava_tensor_copy_to_host(handle, data, new long[1]);
      Dtype dtype = Dtype.values()[desc.getDtype() - 1];
      return new Tensor(dtype, java.util.Arrays.copyOf(desc.getShape(), desc.getRank()), data);
    } finally {
      desc.delete();
      Native.llava_tensor_free(handle);
    }
  }

  /** A tensor of the library; the caller frees it. */
  long give() {
    long[] out = new long[1];
    Native.llava_tensor_from_host(data, dtype.number, shape, out);
    return out[0];
  }

  /** Kind of the numbers. */
  public Dtype dtype() {
    return dtype;
  }

  /** The sizes. */
  public long[] shape() {
    return shape.clone();
  }

  /** The numbers where they lie, read-only, in the machine's byte order. */
  public ByteBuffer buffer() {
    return data.asReadOnlyBuffer().order(ByteOrder.nativeOrder());
  }

  /**
   * The numbers as floats, where they lie.
   *
   * @throws LlavaException.Unsupported for another kind than f32
   */
  public FloatBuffer floats() {
    if (dtype != Dtype.F32) throw new LlavaException.Unsupported("the tensor is " + dtype + ", expected F32");
    return buffer().asFloatBuffer();
  }

  /** A copy as an array. */
  public float[] toArray() {
    float[] numbers = new float[floats().remaining()];
    floats().get(numbers);
    return numbers;
  }

  @Override
  public String toString() {
    return "llava.Tensor " + java.util.Arrays.toString(shape) + " " + dtype;
  }
}
