// The system's loader.
using System;
using System.Runtime.InteropServices;

namespace Llava.Internal
{
    internal static class NativeFiles
    {
        /// <summary>The library itself, by the name its users are linked to.</summary>
        public const string Core = "libllava.so.0.1";

        /// <summary>What SWIG made, by the name that its DllImports have.</summary>
        public const string Wrapper = "libllava_csharp.so";

        private const int Now = 2;

        /// <summary>Opens a library for good: the package never closes it.</summary>
        public static bool TryOpen(string path, out string reason)
        {
            dlerror();
            reason = "";
            if (dlopen(Utf8.Terminated(path, "path"), Now) != IntPtr.Zero) return true;
            reason = Utf8.Read(dlerror());
            return false;
        }

        [DllImport("libdl.so.2")]
        private static extern IntPtr dlopen(byte[] path, int flags);

        [DllImport("libdl.so.2")]
        private static extern IntPtr dlerror();
    }
}
