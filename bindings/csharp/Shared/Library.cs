// The library as a whole, and the devices it runs on.
using System.Collections.Generic;
using Llava.Internal;

namespace Llava
{
    /// <summary>The library as a whole.</summary>
    public static class Library
    {
        /// <summary>Its version, such as "0.1.0".</summary>
        public static string Version
        {
            get
            {
                LlavaNative.Load();
                return Native.llava_version();
            }
        }

        /// <summary>How it was built: version, compiler, features, LibTorch.</summary>
        public static Json BuildInfo
        {
            get
            {
                LlavaNative.Load();
                return Json.Parse(Native.llava_build_info_json());
            }
        }

        /// <summary>Objects that are alive, by type; to look for leaks.</summary>
        public static Json LiveObjects
        {
            get
            {
                LlavaNative.Load();
                string json;
                Native.llava_live_objects(out json);
                return Json.Parse(json);
            }
        }

        /// <summary>Whether this build has a feature: "cuda", "webp", ...</summary>
        public static bool HasFeature(string name)
        {
            LlavaNative.Load();
            return Native.llava_has_feature(name) != 0;
        }

        /// <summary>Sets how many threads compute one operation, for the whole process. Busy while one runs.</summary>
        public static void SetThreads(int threads)
        {
            LlavaNative.Load();
            Native.llava_set_threads(threads);
        }

        /// <summary>Ends the use of the library in this process. Nothing needs it: a process may simply end.</summary>
        public static void Shutdown()
        {
            LlavaNative.Load();
            Native.llava_shutdown();
        }
    }

    /// <summary>How memory stands on a device.</summary>
    public sealed class DeviceMemory
    {
        internal DeviceMemory(llava_device_usage read)
        {
            UsedBytes = read.used_bytes;
            CachedBytes = read.cached_bytes;
            PeakBytes = read.peak_bytes;
            FreeBytes = read.free_bytes;
        }

        /// <summary>CPU: resident memory of this process; CUDA: in use by tensors.</summary>
        public long UsedBytes { get; private set; }

        /// <summary>Held by the allocator, not in use.</summary>
        public long CachedBytes { get; private set; }

        /// <summary>Highest UsedBytes so far.</summary>
        public long PeakBytes { get; private set; }

        /// <summary>What the system could still give.</summary>
        public long FreeBytes { get; private set; }
    }

    /// <summary>Where models run: the CPU is number 0, cards follow.</summary>
    public sealed class Device
    {
        private Device(int index, llava_device_desc read)
        {
            Index = index;
            Id = read.id;
            Name = read.name;
            Threads = read.threads;
            TotalBytes = read.total_bytes;
            FreeBytes = read.free_bytes;
        }

        /// <summary>Its number.</summary>
        public int Index { get; private set; }

        /// <summary>"cpu", "cuda:0", ...</summary>
        public string Id { get; private set; }

        /// <summary>As its maker names it.</summary>
        public string Name { get; private set; }

        /// <summary>CPU: threads one operation computes with.</summary>
        public int Threads { get; private set; }

        /// <summary>Memory of the device.</summary>
        public long TotalBytes { get; private set; }

        /// <summary>Memory that could be had when this was asked.</summary>
        public long FreeBytes { get; private set; }

        /// <summary>The CPU and every card that can be used.</summary>
        public static IList<Device> All
        {
            get
            {
                LlavaNative.Load();
                var all = new List<Device>();
                for (int index = 0, count = Native.llava_device_count(); index < count; ++index) all.Add(Get(index));
                return all;
            }
        }

        /// <summary>The device of a name; "auto" is the first card, else the CPU.</summary>
        public static Device Parse(string id)
        {
            LlavaNative.Load();
            int index;
            Utf8.Terminated(id, "id");
            Native.llava_device_parse(id, out index);
            return Get(index);
        }

        /// <summary>How memory stands now.</summary>
        public DeviceMemory Memory
        {
            get
            {
                using (var read = new llava_device_usage())
                {
                    Native.llava_device_memory(Index, read);
                    return new DeviceMemory(read);
                }
            }
        }

        /// <summary>Measures how fast the CPU reads memory, in bytes a second; about a second and 1 GiB.</summary>
        public double Bandwidth()
        {
            double found;
            Native.llava_device_bandwidth(Index, out found);
            return found;
        }

        /// <summary>Gives memory that is held but not in use back to the system.</summary>
        public void Trim()
        {
            Native.llava_trim(Index);
        }

        /// <summary>Its name and id.</summary>
        public override string ToString()
        {
            return Id + " (" + Name + ")";
        }

        private static Device Get(int index)
        {
            using (var read = new llava_device_desc())
            {
                Native.llava_device_info(index, read);
                return new Device(index, read);
            }
        }
    }
}
