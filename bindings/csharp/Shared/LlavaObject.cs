// What all objects of the library share: Dispose().
using System;

namespace Llava
{
    /// <summary>
    /// An object of the library. Dispose() frees its memory now; without it that happens when the garbage collector comes by.
    /// A second Dispose() does nothing, use afterwards is an ObjectDisposedException, and any order is right: a session keeps
    /// its model, a stream its session. Dispose() waits for calls of other threads that compute on the object; a stream is cancelled by it.
    /// </summary>
    public abstract class LlavaObject : IDisposable
    {
        private readonly Internal.LlavaHandle handle;

        internal LlavaObject(Internal.LlavaHandle handle)
        {
            this.handle = handle;
        }

        /// <summary>Whether Dispose() was called.</summary>
        public bool IsDisposed
        {
            get { return handle.IsClosed; }
        }

        /// <summary>Frees the object.</summary>
        public void Dispose()
        {
            try
            {
                Ending();
            }
            catch (Exception error) when (error is ILlavaFailure failure && failure.Code == Status.State) // shut down: nothing is under way
            {
            }
            finally
            {
                handle.DropAndWait();
            }
        }

        /// <summary>The handle. Throws ObjectDisposedException after Dispose().</summary>
        internal Internal.LlavaHandle Open()
        {
            if (handle.IsClosed) throw new ObjectDisposedException(GetType().Name);
            return handle;
        }

        /// <summary>Asks calls under way to end, before Dispose() waits for them.</summary>
        internal virtual void Ending()
        {
        }
    }
}
