// Progress and events, heard on the thread that made the call. What the user's code throws leaves that call unchanged.
using System;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Llava.Internal
{
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate int ProgressFunction(IntPtr phase, long done, long total, IntPtr item, IntPtr unused);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate int EventFunction(IntPtr text, IntPtr unused);

    internal sealed class Callback
    {
        private const int Failed = -1;

        private readonly Delegate function; // keeps the address alive
        private ExceptionDispatchInfo thrown;

        private Callback(IProgress<LoadProgress> progress)
        {
            function = new ProgressFunction((phase, done, total, item, unused) => Guarded(() =>
            {
                progress.Report(new LoadProgress(Utf8.Read(phase), done, total, Utf8.Read(item)));
                return 0;
            }));
        }

        private Callback(Func<TrainEvent, bool> heard)
        {
            function = new EventFunction((text, unused) => Guarded(() => heard(new TrainEvent(Utf8.Read(text))) ? 0 : 1));
        }

        public static Callback Of(IProgress<LoadProgress> progress)
        {
            return progress == null ? null : new Callback(progress);
        }

        public static Callback Of(Func<TrainEvent, bool> heard)
        {
            return heard == null ? null : new Callback(heard);
        }

        /// <summary>Puts the callback, if there is one, into options.</summary>
        public static void Set(IHearingOptions options, Callback callback)
        {
            if (callback != null) options.hear(Marshal.GetFunctionPointerForDelegate(callback.function));
        }

        /// <summary>Makes a call that may use the callback.</summary>
        public static void During(Callback callback, Action call)
        {
            try
            {
                call();
            }
            catch (LlavaException failure)
            {
                if (callback != null && callback.thrown != null && failure.Code == Status.Callback) callback.thrown.Throw();
                throw;
            }
            finally
            {
                GC.KeepAlive(callback);
            }
        }

        private int Guarded(Func<int> body)
        {
            try
            {
                return body();
            }
            catch (Exception exception)
            {
                thrown = ExceptionDispatchInfo.Capture(exception);
                return Failed;
            }
        }
    }
}
