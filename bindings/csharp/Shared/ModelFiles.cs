// Models: LoRAs beside them, and writing them; checkpoints on disk.
using System;
using System.Threading;
using Llava.Internal;

namespace Llava
{
    public sealed partial class Model
    {
        /// <summary>Loads a LoRA's folder without attaching it; its name is the folder's unless given.</summary>
        public Adapter LoadAdapter(string path, AdapterOptions options = null,
                                   CancellationToken cancel = default(CancellationToken))
        {
            if (path == null) throw new ArgumentNullException("path");
            AdapterHandle made;
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_adapter_options>(options))
            {
                given.cancel = scope.Handle;
                Native.llava_adapter_load(Handle, path, given, out made);
            }
            return new Adapter(made);
        }

        /// <summary>Makes a LoRA the one of all calls that name none.</summary>
        public void Attach(Adapter adapter, float scale = 1)
        {
            if (adapter == null) throw new ArgumentNullException("adapter");
            Native.llava_adapter_attach(Handle, adapter.Handle, scale);
        }

        /// <summary>The model by itself again.</summary>
        public void Detach()
        {
            Native.llava_adapter_detach(Handle);
        }

        /// <summary>Writes the model to a folder.</summary>
        public void Save(string target, SaveOptions options = null, IProgress<LoadProgress> progress = null,
                         CancellationToken cancel = default(CancellationToken))
        {
            if (target == null) throw new ArgumentNullException("target");
            Checkpoint.Write(options, progress, cancel, given => Native.llava_save(Handle, target, given));
        }

        /// <summary>Writes the model with a LoRA in its weights.</summary>
        public void SaveMerged(Adapter adapter, string target, float scale = 1, SaveOptions options = null,
                               IProgress<LoadProgress> progress = null,
                               CancellationToken cancel = default(CancellationToken))
        {
            if (adapter == null) throw new ArgumentNullException("adapter");
            if (target == null) throw new ArgumentNullException("target");
            Checkpoint.Write(options, progress, cancel,
                             given => Native.llava_adapter_merge(Handle, adapter.Handle, scale, target, given));
        }
    }

    /// <summary>A LoRA in memory, of one model: Model.LoadAdapter(). Calls choose it by its name.</summary>
    public sealed class Adapter : LlavaObject
    {
        internal Adapter(AdapterHandle handle) : base(handle)
        {
        }

        internal AdapterHandle Handle
        {
            get { return (AdapterHandle)Open(); }
        }

        /// <summary>Name, path, rank, layers, replaced tensors.</summary>
        public Json Info
        {
            get
            {
                string json;
                Native.llava_adapter_info_json(Handle, out json);
                return Json.Parse(json);
            }
        }

        /// <summary>What calls choose it by.</summary>
        public string Name { get { return Info["name"].Text; } }
    }

    /// <summary>Checkpoints on disk.</summary>
    public static class Checkpoint
    {
        /// <summary>What loading a checkpoint would find and take; no weight is read.</summary>
        public static Json Plan(string path, LoadOptions options = null,
                                CancellationToken cancel = default(CancellationToken))
        {
            if (path == null) throw new ArgumentNullException("path");
            string json;
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_load_options>(options))
            {
                given.cancel = scope.Handle;
                Native.llava_load_plan(path, given, out json);
            }
            return Json.Parse(json);
        }

        /// <summary>Writes a checkpoint in another layout or dtype without loading it.</summary>
        public static void Convert(string path, string target, SaveOptions options = null,
                                   IProgress<LoadProgress> progress = null,
                                   CancellationToken cancel = default(CancellationToken))
        {
            if (path == null) throw new ArgumentNullException("path");
            if (target == null) throw new ArgumentNullException("target");
            Write(options, progress, cancel, given => Native.llava_convert(path, target, given));
        }

        /// <summary>Adds delta weights to the LLaMA they were made from, and writes the sum.</summary>
        public static void MergeDelta(string path, string delta, string target, SaveOptions options = null,
                                      IProgress<LoadProgress> progress = null,
                                      CancellationToken cancel = default(CancellationToken))
        {
            if (path == null) throw new ArgumentNullException("path");
            if (delta == null) throw new ArgumentNullException("delta");
            if (target == null) throw new ArgumentNullException("target");
            Write(options, progress, cancel, given => Native.llava_merge_delta(path, delta, target, given));
        }

        internal static void Write(SaveOptions options, IProgress<LoadProgress> progress, CancellationToken cancel,
                                   Action<llava_save_options> call)
        {
            var heard = Callback.Of(progress);
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_save_options>(options))
            {
                given.cancel = scope.Handle;
                Callback.Set(given, heard);
                Callback.During(heard, () => call(given));
            }
        }
    }
}
