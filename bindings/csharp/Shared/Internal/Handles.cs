// One SafeHandle for each type of the library. The runtime holds it while a call runs that was given it, so that an object
// may be disposed at any moment; it is freed when the last such call has returned.
using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Llava.Internal
{
    internal abstract class LlavaHandle : SafeHandle
    {
        private readonly object gate = new object();
        private int running;
        private volatile bool disposing;

        protected LlavaHandle() : base(IntPtr.Zero, true)
        {
        }

        public override bool IsInvalid
        {
            get { return handle == IntPtr.Zero; }
        }

        /// <summary>Frees the object now or when the calls that use it have returned.</summary>
        public void Drop()
        {
            disposing = true;
            Dispose();
        }

        /// <summary>The same, and waits for calls that compute. They are counted here, for a runtime that aborts a thread as
        /// it shuts down forgets that its call held the handle.</summary>
        public void DropAndWait()
        {
            Drop();
            lock (gate)
            {
                while (running > 0) Monitor.Wait(gate);
            }
        }

        public void Begin()
        {
            lock (gate) ++running;
        }

        public void End()
        {
            lock (gate)
            {
                --running;
                Monitor.PulseAll(gate);
            }
        }

        protected abstract void Free(IntPtr address);

        protected override bool ReleaseHandle()
        {
            if (!disposing) Log.TellLeak(GetType().Name);
            Free(handle);
            return true;
        }
    }

    internal sealed class AdapterHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_adapter_release(address); }
    }

    internal sealed class CancelHandle : LlavaHandle
    {
        /// <summary>NULL, where a call takes none.</summary>
        public static readonly CancelHandle None = new CancelHandle();

        protected override void Free(IntPtr address) { Native.llava_cancel_release(address); }
    }

    internal sealed class DecoderHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_decoder_release(address); }
    }

    internal sealed class EmbeddingHandle : LlavaHandle
    {
        public EmbeddingHandle()
        {
        }

        public EmbeddingHandle(IntPtr address)
        {
            SetHandle(address);
        }

        protected override void Free(IntPtr address) { Native.llava_embedding_release(address); }
    }

    internal sealed class ImageHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_image_release(address); }
    }

    internal sealed class MessageHandle : LlavaHandle
    {
        /// <summary>NULL: what was appended last is answered.</summary>
        public static readonly MessageHandle None = new MessageHandle();

        protected override void Free(IntPtr address) { Native.llava_message_release(address); }
    }

    internal sealed class ModelHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_model_release(address); }
    }

    internal sealed class ReportHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_report_release(address); }
    }

    internal sealed class ResponseHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_response_release(address); }
    }

    internal sealed class SessionHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_session_release(address); }
    }

    internal sealed class StreamHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_stream_release(address); }
    }

    internal sealed class TensorHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_tensor_release(address); }
    }

    internal sealed class TrainerHandle : LlavaHandle
    {
        protected override void Free(IntPtr address) { Native.llava_trainer_release(address); }
    }
}
