// Keeps an object alive while its memory is read; tells that a call computes.
using System;

namespace Llava.Internal
{
    internal struct Held : IDisposable
    {
        private readonly LlavaHandle handle;

        public Held(LlavaHandle handle)
        {
            var done = false;
            handle.DangerousAddRef(ref done); // ObjectDisposedException when it is too late
            this.handle = handle;
        }

        public void Dispose()
        {
            handle.DangerousRelease();
        }
    }

    /// <summary>A call that computes: Dispose() waits for it.</summary>
    internal struct Running : IDisposable
    {
        private readonly LlavaHandle handle;

        public Running(LlavaHandle handle)
        {
            this.handle = handle;
            handle.Begin();
        }

        public void Dispose()
        {
            handle.End();
        }
    }
}
