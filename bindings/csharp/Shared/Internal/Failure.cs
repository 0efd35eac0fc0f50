// From a status to an exception.
using System;

namespace Llava.Internal
{
    internal static class Failure
    {
        /// <summary>Lets OK, END and WOULD_BLOCK through; throws what fits for the rest. On the thread of the call.</summary>
        public static int Check(int status)
        {
            if (status == 0 || status == (int)Status.End || status == (int)Status.WouldBlock) return status;
            throw Of((Status)status);
        }

        /// <summary>The exception of the call that just failed on this thread.</summary>
        private static Exception Of(Status status)
        {
            var known = LastError();
            var details = new FailureDetails(status, known["function"].Text, known["details"]);
            var message = known["message"].Text;
            if (known["code"].Integer != (long)status || message.Length == 0) message = StatusNames.Of(status);
            return Make(message, details);
        }

        /// <summary>One kind of exception for each status; NOT_FOUND of a path is what .NET throws for paths.</summary>
        public static Exception Make(string message, FailureDetails details)
        {
            switch (details.Code)
            {
                case Status.NotFound:
                    return TakesPath(details.Function) ? (Exception)new LlavaNotFoundException(message, details)
                                                       : new LlavaException(message, details);
                case Status.Cancelled:
                    return new LlavaCanceledException(message, details, CancelScope.Current);
                case Status.Timeout:
                    return new LlavaTimeoutException(message, details);
                default:
                    return new LlavaException(message, details);
            }
        }

        private static unsafe Json LastError()
        {
            long needed;
            Native.llava_last_error_json(IntPtr.Zero, 0, out needed);
            var bytes = new byte[needed];
            fixed (byte* start = bytes)
            {
                Native.llava_last_error_json((IntPtr)start, needed, out needed);
                return Json.Parse(Utf8.Read((IntPtr)start, Math.Max(0, bytes.Length - 1)));
            }
        }

        private static bool TakesPath(string function)
        {
            switch (function)
            {
                case "llava_load":
                case "llava_load_plan":
                case "llava_image_from_file":
                case "llava_embedding_save":
                case "llava_embedding_load":
                case "llava_session_save":
                case "llava_session_load":
                case "llava_adapter_load":
                case "llava_adapter_merge":
                case "llava_save":
                case "llava_convert":
                case "llava_merge_delta":
                case "llava_dataset_check":
                case "llava_train_plan":
                case "llava_train_status":
                case "llava_train_stage":
                case "llava_train_launch":
                case "llava_trainer_create":
                    return true;
                default:
                    return false;
            }
        }
    }
}
