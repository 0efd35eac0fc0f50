// What .NET 8 adds: Span overloads and IAsyncEnumerable. The mono compiler that tests this package only parses this file.
#if NET8_0_OR_GREATER
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Llava.Internal;

namespace Llava
{
    public sealed partial class Image
    {
        /// <summary>Decodes a file that lies in memory.</summary>
        public static unsafe Image FromBytes(ReadOnlySpan<byte> bytes, ImageOptions options = null,
                                             CancellationToken cancel = default(CancellationToken))
        {
            fixed (byte* start = bytes) return FromMemory((IntPtr)start, bytes.Length, options, cancel);
        }

        /// <summary>Copies raw pixels; stride as in the overload for arrays.</summary>
        public static unsafe Image FromPixels(ReadOnlySpan<byte> pixels, int width, int height, PixelFormat format,
                                              int stride = 0)
        {
            fixed (byte* start = pixels) return FromPixels((IntPtr)start, pixels.Length, width, height, format, stride);
        }

        /// <summary>Copies the decoded pixels into memory of the caller; the number of bytes.</summary>
        public unsafe int CopyPixels(Span<byte> pixels, PixelFormat format = PixelFormat.Rgb24)
        {
            long needed;
            fixed (byte* start = pixels)
                Native.llava_image_pixels(Handle, (int)format, (IntPtr)start, pixels.Length, out needed);
            return (int)needed;
        }
    }

    public sealed partial class Tensor
    {
        /// <summary>Copies numbers into a tensor; the product of `shape` is their count.</summary>
        public static unsafe Tensor Of(ReadOnlySpan<float> numbers, params long[] shape)
        {
            fixed (float* start = numbers) return Of((IntPtr)start, numbers.Length, shape);
        }

        /// <summary>Copies the numbers; the span must have room for all.</summary>
        public unsafe void CopyTo(Span<float> numbers)
        {
            fixed (float* start = numbers) CopyTo((IntPtr)start, numbers.Length);
        }
    }

    public sealed partial class Stream : IAsyncEnumerable<Event>
    {
        /// <summary>The events: await foreach. Leaving it early disposes the stream.</summary>
        public async IAsyncEnumerator<Event> GetAsyncEnumerator(CancellationToken cancel = default(CancellationToken))
        {
            var ended = false;
            try
            {
                Event next;
                while ((next = await NextAsync(cancel).ConfigureAwait(false)) != null) yield return next;
                ended = true;
            }
            finally
            {
                if (!ended) Dispose();
            }
        }
    }

    public sealed partial class Trainer : IAsyncEnumerable<TrainEvent>
    {
        /// <summary>foreach over it on threads of the pool: await foreach. A cancelled token ends it between two steps, not saved;
        /// a later loop goes on, and Dispose() saves.</summary>
        public async IAsyncEnumerator<TrainEvent> GetAsyncEnumerator(CancellationToken cancel = default(CancellationToken))
        {
            using (var events = GetEnumerator())
                while (await Task.Run(() => events.MoveNext(), cancel).ConfigureAwait(false)) yield return events.Current;
        }
    }

    public sealed partial class Session
    {
        /// <summary>Asks, and gives the events: await foreach. The stream is disposed at the end.</summary>
        public async IAsyncEnumerable<Event> StreamAsync(
            Message message, ChatOptions options = null,
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel = default(CancellationToken))
        {
            using (var stream = Stream(message, options, cancel))
            {
                Event next;
                while ((next = await stream.NextAsync(cancel).ConfigureAwait(false)) != null) yield return next;
            }
        }
    }
}
#endif
