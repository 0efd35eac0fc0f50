// Finding the two native libraries: libllava and, over it, libllava_csharp, which is what SWIG made. They are opened by full
// path, libllava first; .NET and mono then find them by name, since they are in the process already.
using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Llava.Internal;

namespace Llava
{
    /// <summary>A native library cannot be found or opened; the message has every place that was looked at.</summary>
    public sealed class LlavaLibraryException : DllNotFoundException
    {
        internal LlavaLibraryException(string message) : base(message)
        {
        }
    }

    /// <summary>
    /// Where the native libraries come from. In this order: Configure(), the environment variable LLAVA_LIBRARY_PATH (folders,
    /// parted by ':'), the folder of this assembly, runtimes/linux-x64/native in it and beside its parents, the system.
    /// </summary>
    public static class LlavaNative
    {
        private const string Rid = "linux-x64";
        private static readonly object Gate = new object();
        private static string configured;
        private static volatile bool loaded;
        private static LlavaLibraryException failure;

        /// <summary>
        /// Names the folder with the native libraries. Throws InvalidOperationException once they have been loaded.
        /// </summary>
        public static void Configure(string folder)
        {
            if (folder == null) throw new ArgumentNullException("folder");
            lock (Gate)
            {
                if (loaded) throw new InvalidOperationException("the native libraries are loaded already; call Configure() first");
                configured = folder;
                failure = null;
            }
        }

        /// <summary>What would be loaded, and every place that would be looked at, as text; loads nothing.</summary>
        public static string DryRun()
        {
            var told = new StringBuilder();
            foreach (var file in new[] { NativeFiles.Core, NativeFiles.Wrapper })
            {
                var found = Find(file, told);
                told.Append(file).Append(": ").Append(found ?? "whatever the system finds under this name").Append('\n');
            }
            return told.ToString();
        }

        /// <summary>
        /// Loads the libraries, once. Everything that can be a program's first call begins with it; an exception of a static
        /// constructor would come out wrapped.
        /// </summary>
        internal static void Load()
        {
            if (loaded) return;
            lock (Gate)
            {
                if (failure != null) throw failure;
                if (loaded) return;
                var told = new StringBuilder();
                try
                {
                    Open(NativeFiles.Core, told);
                    Open(NativeFiles.Wrapper, told);
                }
                catch (LlavaLibraryException caught)
                {
                    failure = caught;
                    throw;
                }
                loaded = true; // what follows calls the library
                Internal.Native.llava_check_abi(Internal.Native.LLAVA_ABI_VERSION);
            }
        }

        private static void Open(string file, StringBuilder told)
        {
            if (!Environment.Is64BitProcess || Environment.OSVersion.Platform != PlatformID.Unix)
                throw new LlavaLibraryException("libllava is built for Linux x86_64; this process is another system's");
            foreach (var path in new[] { Find(file, told), file })
            {
                if (path == null) continue;
                string reason;
                if (NativeFiles.TryOpen(path, out reason)) return;
                told.Append("  ").Append(path).Append(": ").Append(reason).Append('\n');
                if (path != file) break; // found, and it does not work: another one would hide why
            }
            throw new LlavaLibraryException(file + " cannot be loaded. Looked at:\n" + told +
                "Name the folder in the environment variable LLAVA_LIBRARY_PATH or with LlavaNative.Configure().");
        }

        /// <summary>The first place that has the file, or null; the others are told.</summary>
        private static string Find(string file, StringBuilder told)
        {
            foreach (var place in Places())
            {
                var path = Path.Combine(place.Value, file);
                if (File.Exists(path)) return path;
                told.Append("  ").Append(path).Append(": not there (").Append(place.Key).Append(")\n");
            }
            return null;
        }

        /// <summary>Folders, each with what names it.</summary>
        private static IEnumerable<KeyValuePair<string, string>> Places()
        {
            if (configured != null) yield return new KeyValuePair<string, string>("LlavaNative.Configure()", configured);
            var listed = Environment.GetEnvironmentVariable("LLAVA_LIBRARY_PATH") ?? "";
            foreach (var folder in listed.Split(new[] { ':' }, StringSplitOptions.RemoveEmptyEntries))
                yield return new KeyValuePair<string, string>("LLAVA_LIBRARY_PATH", folder);
            var assembly = typeof(LlavaNative).Assembly.Location;
            var here = string.IsNullOrEmpty(assembly) ? AppContext.BaseDirectory : Path.GetDirectoryName(assembly);
            var package = Path.Combine("runtimes", Rid, "native");
            yield return new KeyValuePair<string, string>("beside Llava.dll", here);
            yield return new KeyValuePair<string, string>("package", Path.Combine(here, package));
            yield return new KeyValuePair<string, string>("package", Path.GetFullPath(Path.Combine(here, "..", "..", package)));
        }
    }
}
