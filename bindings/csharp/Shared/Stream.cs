// An answer in the making, pulled event by event.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Llava.Internal;

namespace Llava
{
    /// <summary>
    /// An answer in the making: foreach over its events, then Response is the whole.
    ///
    /// The work is done inside Next(), on the thread that calls. The session is busy until the stream has ended or is
    /// disposed; one that is disposed early leaves the session as it was. Leaving a foreach early, also by an exception,
    /// disposes the stream.
    /// </summary>
    public sealed partial class Stream : LlavaObject, IEnumerable<Event>
    {
        private readonly CancellationToken token;
        private readonly CancellationTokenRegistration registration;
        private readonly object gate = new object();
        private Response response;

        internal Stream(StreamHandle handle, CancellationToken token) : base(handle)
        {
            this.token = token;
            registration = token.Register(CancelWeakly, new WeakReference<Stream>(this)); // a token may outlive what it stops
        }

        private StreamHandle Handle
        {
            get { return (StreamHandle)Open(); }
        }

        /// <summary>The answer: Finish().</summary>
        public Response Response
        {
            get { return Finish(); }
        }

        /// <summary>Works until the next event; null when the answer is complete.</summary>
        public Event Next()
        {
            Event next;
            while (!TryNext(Timeout.InfiniteTimeSpan, out next))
            {
            }
            return next;
        }

        /// <summary>
        /// Works until the next event (true, and null for it when the answer is complete) or until the time is over (false).
        /// A piece of work that was begun is finished: TimeSpan.Zero does exactly one.
        /// </summary>
        public bool TryNext(TimeSpan timeout, out Event next)
        {
            IntPtr owned;
            int status;
            next = null;
            using (new Running(Handle))
            using (new CancelScopeOf(token))
                status = Native.llava_stream_next(Handle, (long)Math.Ceiling(timeout.TotalMilliseconds), out owned);
            if (status == (int)Status.WouldBlock) return false;
            if (status == (int)Status.Ok) next = Event.Take(owned);
            return true;
        }

        /// <summary>
        /// The next event, worked for on a thread of the pool; null when the answer is complete. A cancelled token, also one
        /// that is cancelled before, cancels the answer: the session is as it was, unless ChatOptions.KeepOnCancel says otherwise.
        /// </summary>
        public Task<Event> NextAsync(CancellationToken cancel = default(CancellationToken))
        {
            var told = new TaskCompletionSource<Event>(); // Task.Run(work, cancel) would not begin, and the answer would stay open
            Task.Run(() =>
            {
                Event next;
                try
                {
                    using (cancel.Register(CancelQuietly)) next = Next();
                }
                catch (Exception failure)
                {
                    var asked = failure is LlavaCanceledException && cancel.IsCancellationRequested;
                    if (asked) told.TrySetCanceled(cancel); // so that the task counts as cancelled
                    else told.TrySetException(failure);
                    return;
                }
                told.SetResult(next);
            });
            return told.Task;
        }

        /// <summary>Asks the answer to end, from any thread: its next event is an OperationCanceledException, or the end with
        /// ChatOptions.KeepOnCancel.</summary>
        public void Cancel()
        {
            Native.llava_stream_cancel(Handle);
        }

        /// <summary>Works until the end, drops events that were not pulled, and hands out the answer; the same each time.</summary>
        public Response Finish()
        {
            lock (gate)
            {
                if (response != null) return response;
                ResponseHandle made;
                using (new Running(Handle))
                using (new CancelScopeOf(token))
                    Native.llava_stream_finish(Handle, out made);
                response = new Response(made);
                return response;
            }
        }

        /// <summary>The events.</summary>
        public IEnumerator<Event> GetEnumerator()
        {
            return new Puller(this);
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        internal override void Ending()
        {
            CancelQuietly();
            if (!IsDisposed) registration.Dispose();
        }

        private static void CancelWeakly(object stream)
        {
            Stream alive;
            if (((WeakReference<Stream>)stream).TryGetTarget(out alive)) alive.CancelQuietly();
        }

        private void CancelQuietly()
        {
            try
            {
                if (!IsDisposed) Native.llava_stream_cancel(Handle);
            }
            catch (ObjectDisposedException)
            {
                // it is over
            }
        }

        private sealed class Puller : IEnumerator<Event>
        {
            private readonly Stream stream;
            private bool ended;

            public Puller(Stream stream)
            {
                this.stream = stream;
            }

            public Event Current { get; private set; }

            object IEnumerator.Current
            {
                get { return Current; }
            }

            public bool MoveNext()
            {
                if (ended) return false;
                Current = stream.Next();
                ended = Current == null;
                return !ended;
            }

            public void Reset()
            {
                throw new NotSupportedException("an answer is pulled once");
            }

            public void Dispose()
            {
                if (!ended) stream.Dispose();
            }
        }
    }
}
