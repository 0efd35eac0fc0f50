// A CancellationToken as the library's cancel token, for the time of one call.
using System;
using System.Threading;

namespace Llava.Internal
{
    internal sealed class CancelScope : IDisposable
    {
        [ThreadStatic] private static CancellationToken current;

        private readonly CancellationToken outer;
        private readonly CancelHandle handle;
        private readonly CancellationTokenRegistration registration;
        private bool left;

        public CancelScope(CancellationToken token)
        {
            LlavaNative.Load();
            outer = current;
            current = token;
            if (!token.CanBeCanceled) return;
            Native.llava_cancel_create(out handle);
            registration = token.Register(Use, handle);
        }

        /// <summary>The token of the call under way on this thread: what an OperationCanceledException carries.</summary>
        public static CancellationToken Current
        {
            get { return current; }
            set { current = value; }
        }

        public CancelHandle Handle
        {
            get { return handle ?? CancelHandle.None; }
        }

        /// <summary>The token stays with something that lives longer than the call: a trainer, which Dispose() ends.</summary>
        public void Leave()
        {
            current = outer;
            left = true;
        }

        public void Dispose()
        {
            if (!left) current = outer;
            if (handle == null) return;
            registration.Dispose();
            handle.Drop();
        }

        private static void Use(object handle)
        {
            try
            {
                Native.llava_cancel_cancel((CancelHandle)handle);
            }
            catch (ObjectDisposedException)
            {
                // the call is over
            }
        }
    }

    /// <summary>The token of a call that is cancelled in another way.</summary>
    internal struct CancelScopeOf : IDisposable
    {
        private readonly CancellationToken outer;

        public CancelScopeOf(CancellationToken token)
        {
            outer = CancelScope.Current;
            CancelScope.Current = token;
        }

        public void Dispose()
        {
            CancelScope.Current = outer;
        }
    }
}
