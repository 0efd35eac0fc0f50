// Pictures: from a file, from memory, from a stream, from raw pixels or a data URI.
using System;
using System.IO;
using System.Threading;
using Llava.Internal;

namespace Llava
{
    /// <summary>What is known about a picture.</summary>
    public sealed class ImageInfo
    {
        internal ImageInfo(llava_image_desc read)
        {
            Source = (ImageSource)read.source;
            Width = read.width;
            Height = read.height;
            Orientation = read.orientation;
            Sha256 = read.sha256;
        }

        /// <summary>Where it came from.</summary>
        public ImageSource Source { get; private set; }

        /// <summary>Pixels, after turning.</summary>
        public int Width { get; private set; }

        /// <summary>Pixels, after turning.</summary>
        public int Height { get; private set; }

        /// <summary>EXIF orientation as stored, 1 ... 8.</summary>
        public int Orientation { get; private set; }

        /// <summary>Of size and decoded pixels; "" from Image.Probe().</summary>
        public string Sha256 { get; private set; }
    }

    /// <summary>A decoded picture. It never changes and may be used by any number of messages and threads.</summary>
    public sealed partial class Image : LlavaObject
    {
        internal Image(ImageHandle handle) : base(handle)
        {
        }

        internal ImageHandle Handle
        {
            get { return (ImageHandle)Open(); }
        }

        /// <summary>Size, source, orientation, hash.</summary>
        public ImageInfo Info
        {
            get
            {
                using (var read = new llava_image_desc())
                {
                    Native.llava_image_info(Handle, read);
                    return new ImageInfo(read);
                }
            }
        }

        /// <summary>Pixels.</summary>
        public int Width { get { return Info.Width; } }

        /// <summary>Pixels.</summary>
        public int Height { get { return Info.Height; } }

        /// <summary>Reads and decodes a file: JPEG, PNG, BMP, GIF (first frame), WebP where built in.</summary>
        public static Image FromFile(string path, ImageOptions options = null,
                                     CancellationToken cancel = default(CancellationToken))
        {
            if (path == null) throw new ArgumentNullException("path");
            ImageHandle made;
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_image_options>(options))
            {
                given.cancel = scope.Handle;
                Native.llava_image_from_file(path, given, out made);
            }
            return new Image(made);
        }

        /// <summary>Decodes a file that lies in memory.</summary>
        public static Image FromBytes(byte[] bytes, ImageOptions options = null,
                                      CancellationToken cancel = default(CancellationToken))
        {
            if (bytes == null) throw new ArgumentNullException("bytes");
            return FromBytes(bytes, 0, bytes.Length, options, cancel);
        }

        /// <summary>Decodes a file that lies in a part of an array.</summary>
        public static unsafe Image FromBytes(byte[] bytes, int offset, int count, ImageOptions options = null,
                                             CancellationToken cancel = default(CancellationToken))
        {
            Arrays.Check(bytes, offset, count, "bytes");
            fixed (byte* start = bytes)
                return FromMemory((IntPtr)start + (bytes.Length == 0 ? 0 : offset), count, options, cancel);
        }

        /// <summary>Reads a stream to its end and decodes what it holds.</summary>
        public static Image FromStream(System.IO.Stream stream, ImageOptions options = null,
                                       CancellationToken cancel = default(CancellationToken))
        {
            if (stream == null) throw new ArgumentNullException("stream");
            var memory = new MemoryStream();
            stream.CopyTo(memory);
            return FromBytes(memory.GetBuffer(), 0, (int)memory.Length, options, cancel);
        }

        /// <summary>Decodes a text such as "data:image/png;base64,..."; other addresses are refused, nothing is fetched.</summary>
        public static Image FromDataUri(string uri, ImageOptions options = null,
                                        CancellationToken cancel = default(CancellationToken))
        {
            if (uri == null) throw new ArgumentNullException("uri");
            ImageHandle made;
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_image_options>(options))
            {
                given.cancel = scope.Handle;
                Native.llava_image_from_data_uri(uri, given, out made);
            }
            return new Image(made);
        }

        /// <summary>
        /// Copies raw pixels. stride: bytes from a row to the one below it, 0 for rows without gaps; negative when rows lie
        /// bottom-up, the top row then being the last in the array.
        /// </summary>
        public static unsafe Image FromPixels(byte[] pixels, int width, int height, PixelFormat format, int stride = 0)
        {
            if (pixels == null) throw new ArgumentNullException("pixels");
            fixed (byte* start = pixels)
                return FromPixels((IntPtr)start, pixels.LongLength, width, height, format, stride);
        }

        /// <summary>
        /// Copies raw pixels from memory that is not the runtime's, such as BitmapData.Scan0: `top` is the first byte of the
        /// top row, and all rows must be readable for the time of the call.
        /// </summary>
        public static Image FromPixels(IntPtr top, int width, int height, PixelFormat format, int stride)
        {
            LlavaNative.Load();
            ImageHandle made;
            Native.llava_image_from_pixels(top, width, height, stride, (int)format, out made);
            return new Image(made);
        }

        /// <summary>Reads size and kind of a file without decoding it; its first 64 KiB are nearly always enough.</summary>
        public static unsafe ImageInfo Probe(byte[] bytes)
        {
            if (bytes == null) throw new ArgumentNullException("bytes");
            LlavaNative.Load();
            using (var read = new llava_image_desc())
            {
                fixed (byte* start = bytes) Native.llava_image_probe((IntPtr)start, bytes.LongLength, read);
                return new ImageInfo(read);
            }
        }

        /// <summary>A copy of the decoded pixels, rows without gaps.</summary>
        public unsafe byte[] Pixels(PixelFormat format = PixelFormat.Rgb24)
        {
            long needed;
            Native.llava_image_pixels(Handle, (int)format, IntPtr.Zero, 0, out needed);
            var pixels = new byte[needed];
            fixed (byte* start = pixels)
                Native.llava_image_pixels(Handle, (int)format, (IntPtr)start, needed, out needed);
            return pixels;
        }

        /// <summary>Its size and source.</summary>
        public override string ToString()
        {
            if (IsDisposed) return "Image (disposed)";
            var info = Info;
            return "Image " + info.Width + " x " + info.Height + " " + info.Source.ToString().ToLowerInvariant();
        }

        internal static Image FromMemory(IntPtr start, long count, ImageOptions options, CancellationToken cancel)
        {
            ImageHandle made;
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_image_options>(options))
            {
                given.cancel = scope.Handle;
                Native.llava_image_from_memory(start, count, given, out made);
            }
            return new Image(made);
        }

        /// <summary>The array is as long as the rows need: C could not tell.</summary>
        internal static Image FromPixels(IntPtr start, long size, int width, int height, PixelFormat format, int stride)
        {
            long row = (long)width * BytesOf(format), step = stride == 0 ? row : Math.Abs((long)stride);
            if (width < 1 || height < 1 || step < row || size < step * (height - 1) + row)
                throw new LlavaException(Status.InvalidArgument, "pixels has " + size + " bytes for " + width + " x " +
                    height + " " + format + " with stride " + stride + ", expected " +
                    (width < 1 || height < 1 || step < row ? "sides of at least 1 and a stride of at least a row"
                                                           : step * (height - 1) + row + " at least"));
            var top = stride < 0 ? start + checked((int)(step * (height - 1))) : start;
            return FromPixels(top, width, height, format, stride);
        }

        private static int BytesOf(PixelFormat format)
        {
            switch (format)
            {
                case PixelFormat.Gray8: return 1;
                case PixelFormat.Rgb24:
                case PixelFormat.Bgr24: return 3;
                default: return 4;
            }
        }
    }
}
