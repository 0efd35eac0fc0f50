// Numbers with a shape.
using System;
using System.Threading;
using Llava.Internal;

namespace Llava
{
    /// <summary>Numbers with a shape, in C order. It never changes.</summary>
    public sealed partial class Tensor : LlavaObject
    {
        internal Tensor(TensorHandle handle) : base(handle)
        {
            using (var read = new llava_tensor_desc())
            {
                Native.llava_tensor_info(handle, read);
                Dtype = (Dtype)read.dtype;
                Device = read.device;
                Shape = new long[read.rank];
                Array.Copy(read.shape, Shape, read.rank);
                Count = read.element_count;
                SizeBytes = read.size_bytes;
            }
        }

        internal TensorHandle Handle
        {
            get { return (TensorHandle)Open(); }
        }

        /// <summary>What kind of numbers; everything the library computes is F32.</summary>
        public Dtype Dtype { get; private set; }

        /// <summary>Number of the device.</summary>
        public int Device { get; private set; }

        /// <summary>Its sizes.</summary>
        public long[] Shape { get; private set; }

        /// <summary>How many numbers.</summary>
        public long Count { get; private set; }

        /// <summary>How many bytes.</summary>
        public long SizeBytes { get; private set; }

        /// <summary>Copies numbers into a tensor; the product of `shape` is their count.</summary>
        public static unsafe Tensor Of(float[] numbers, params long[] shape)
        {
            if (numbers == null) throw new ArgumentNullException("numbers");
            fixed (float* start = numbers) return Of((IntPtr)start, numbers.LongLength, shape);
        }

        /// <summary>A copy of the numbers. Throws LlavaException (Unsupported) for a dtype other than F32.</summary>
        public float[] ToArray()
        {
            var numbers = new float[Count];
            CopyTo(numbers);
            return numbers;
        }

        /// <summary>Copies the numbers; the array must have room for all.</summary>
        public unsafe void CopyTo(float[] numbers)
        {
            if (numbers == null) throw new ArgumentNullException("numbers");
            fixed (float* start = numbers) CopyTo((IntPtr)start, numbers.LongLength);
        }

        /// <summary>Copies the bytes as they are.</summary>
        public unsafe byte[] ToBytes()
        {
            var bytes = new byte[SizeBytes];
            long needed;
            fixed (byte* start = bytes) Native.llava_tensor_copy_to_host(Handle, (IntPtr)start, bytes.LongLength, out needed);
            return bytes;
        }

        /// <summary>Dtype and shape.</summary>
        public override string ToString()
        {
            return "Tensor " + Dtype.ToString().ToLowerInvariant() + " [" + string.Join(", ", Shape) + "]";
        }

        internal static unsafe Tensor Of(IntPtr start, long count, long[] shape)
        {
            if (shape == null) throw new ArgumentNullException("shape");
            long product = 1;
            foreach (var side in shape) product = side < 1 || product > count / side ? -1 : product * side;
            if (product != count)
                throw new LlavaException(Status.InvalidArgument,
                    count + " numbers for the shape [" + string.Join(", ", shape) + "], expected as many as its product");
            LlavaNative.Load();
            TensorHandle made;
            fixed (long* sides = shape)
                Native.llava_tensor_from_host(start, (int)Dtype.F32, (IntPtr)sides, shape.Length, out made);
            return new Tensor(made);
        }

        internal void CopyTo(IntPtr start, long room)
        {
            if (Dtype != Dtype.F32)
                throw new LlavaException(Status.Unsupported, "the tensor is " + Dtype + ", expected F32; ToBytes() copies any");
            long needed;
            Native.llava_tensor_copy_to_host(Handle, start, room * sizeof(float), out needed);
        }
    }
}
