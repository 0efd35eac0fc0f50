// Texts on their way to the library and back: UTF-8 bytes, never the system's code page.
using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Llava.Internal
{
    internal static class Utf8
    {
        // A lone surrogate is an EncoderFallbackException here, not a "?" in there.
        private static readonly UTF8Encoding Strict = new UTF8Encoding(false, true);

        /// <summary>The number of bytes of a text.</summary>
        public static long Size(string text)
        {
            return Strict.GetByteCount(text);
        }

        /// <summary>The bytes and a NUL behind them; NUL inside stays. null is NULL.</summary>
        public static byte[] Bytes(string text, string name)
        {
            if (text == null) return null;
            var bytes = new byte[Strict.GetByteCount(text) + 1];
            Strict.GetBytes(text, 0, text.Length, bytes, 0);
            return bytes;
        }

        /// <summary>The same for what ends at its first NUL in C: one inside is refused.</summary>
        public static byte[] Terminated(string text, string name)
        {
            var found = text == null ? -1 : text.IndexOf('\0');
            if (found >= 0)
                throw new LlavaException(Status.InvalidArgument,
                    name + " holds the character 0 at " + found + ", where a C text would end");
            return Bytes(text, name);
        }

        /// <summary>A text that ends with NUL; "" for NULL.</summary>
        public static string Read(IntPtr text)
        {
            if (text == IntPtr.Zero) return "";
            var size = 0;
            while (Marshal.ReadByte(text, size) != 0) ++size;
            return Read(text, size);
        }

        /// <summary>A text of known length.</summary>
        public static unsafe string Read(IntPtr text, long size)
        {
            if (text == IntPtr.Zero || size == 0) return "";
            return Encoding.UTF8.GetString((byte*)text, checked((int)size));
        }

        /// <summary>A text the library handed over: copied, then freed; "" for NULL.</summary>
        public static string Take(IntPtr owned)
        {
            if (owned == IntPtr.Zero) return "";
            try
            {
                return Read(Internal.Native.llava_csharp_text(owned), Internal.Native.llava_csharp_text_size(owned));
            }
            finally
            {
                Internal.Native.llava_csharp_text_free(owned);
            }
        }
    }
}
