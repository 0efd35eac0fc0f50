// The library's statuses (include/llava/base.h) and the exceptions they become.
using System;
using System.IO;
using System.Threading;

namespace Llava
{
    /// <summary>What a call of the library answered.</summary>
    public enum Status
    {
        /// <summary>Success.</summary>
        Ok = 0,
        /// <summary>Out of range, of the wrong shape, of another model.</summary>
        InvalidArgument = 1,
        /// <summary>Calls in the wrong order: a finished stream, after Shutdown().</summary>
        State = 2,
        /// <summary>In use by another thread or a stream; may succeed later.</summary>
        Busy = 3,
        /// <summary>A file, tensor, feature or other name does not exist.</summary>
        NotFound = 4,
        /// <summary>Reading or writing failed; the disk is full.</summary>
        Io = 5,
        /// <summary>A damaged or unknown checkpoint, picture or JSON.</summary>
        Format = 6,
        /// <summary>Valid, but not in this build, model or device.</summary>
        Unsupported = 7,
        /// <summary>Package and library, or library and LibTorch, do not fit.</summary>
        Abi = 8,
        /// <summary>The host's memory is used up.</summary>
        OutOfMemory = 9,
        /// <summary>The device's memory is used up; Details has needed, free and cached.</summary>
        DeviceMemory = 10,
        /// <summary>CUDA or its driver failed.</summary>
        Device = 11,
        /// <summary>Too long for the model; Details has needed and limit.</summary>
        ContextFull = 12,
        /// <summary>A documented limit (pixels, file size, ...) is exceeded.</summary>
        Limit = 13,
        /// <summary>A CancellationToken was used.</summary>
        Cancelled = 14,
        /// <summary>The deadline passed.</summary>
        Timeout = 15,
        /// <summary>A callback failed.</summary>
        Callback = 16,
        /// <summary>A buffer is too small; the size needed is returned.</summary>
        BufferTooSmall = 17,
        /// <summary>A grammar cannot be compiled or continued.</summary>
        Grammar = 18,
        /// <summary>Ranks could not meet, one was lost, or they differ.</summary>
        Distributed = 19,
        /// <summary>Numbers became NaN or infinite.</summary>
        Diverged = 20,
        /// <summary>Nothing more to pull.</summary>
        End = 21,
        /// <summary>Nothing came within the waiting time.</summary>
        WouldBlock = 22,
        /// <summary>A defect of the library.</summary>
        Internal = 99
    }

    /// <summary>What all exceptions of this package share: catch (Exception e) when (e is ILlavaFailure).</summary>
    public interface ILlavaFailure
    {
        /// <summary>What kind of failure.</summary>
        Status Code { get; }

        /// <summary>The function of the library that failed; "" when the package itself refused.</summary>
        string Function { get; }

        /// <summary>The numbers behind the text, for example {"needed": 700, "limit": 512}.</summary>
        Json Details { get; }
    }

    /// <summary>
    /// A call failed. The text says where, what was found and what was expected; what the call was to change is as before.
    /// A missing path, a cancel and a deadline are the .NET exceptions that fit instead; ILlavaFailure is all of them.
    /// </summary>
    public class LlavaException : Exception, ILlavaFailure
    {
        private readonly Internal.FailureDetails details;

        /// <summary>A failure that the package itself found.</summary>
        public LlavaException(Status code, string message) : this(message, new Internal.FailureDetails(code, "", null))
        {
        }

        internal LlavaException(string message, Internal.FailureDetails details) : base(message)
        {
            this.details = details;
        }

        /// <inheritdoc/>
        public Status Code { get { return details.Code; } }

        /// <inheritdoc/>
        public string Function { get { return details.Function; } }

        /// <inheritdoc/>
        public Json Details { get { return details.Numbers; } }
    }

    /// <summary>A file or folder is not there.</summary>
    public sealed class LlavaNotFoundException : FileNotFoundException, ILlavaFailure
    {
        private readonly Internal.FailureDetails details;

        internal LlavaNotFoundException(string message, Internal.FailureDetails details) : base(message)
        {
            this.details = details;
        }

        /// <inheritdoc/>
        public Status Code { get { return details.Code; } }

        /// <inheritdoc/>
        public string Function { get { return details.Function; } }

        /// <inheritdoc/>
        public Json Details { get { return details.Numbers; } }
    }

    /// <summary>The call was stopped by its CancellationToken or by Stream.Cancel().</summary>
    public sealed class LlavaCanceledException : OperationCanceledException, ILlavaFailure
    {
        private readonly Internal.FailureDetails details;

        internal LlavaCanceledException(string message, Internal.FailureDetails details, CancellationToken token)
            : base(message, token)
        {
            this.details = details;
        }

        /// <inheritdoc/>
        public Status Code { get { return details.Code; } }

        /// <inheritdoc/>
        public string Function { get { return details.Function; } }

        /// <inheritdoc/>
        public Json Details { get { return details.Numbers; } }
    }

    /// <summary>The deadline of a call passed.</summary>
    public sealed class LlavaTimeoutException : TimeoutException, ILlavaFailure
    {
        private readonly Internal.FailureDetails details;

        internal LlavaTimeoutException(string message, Internal.FailureDetails details) : base(message)
        {
            this.details = details;
        }

        /// <inheritdoc/>
        public Status Code { get { return details.Code; } }

        /// <inheritdoc/>
        public string Function { get { return details.Function; } }

        /// <inheritdoc/>
        public Json Details { get { return details.Numbers; } }
    }

    /// <summary>Names of statuses.</summary>
    public static class StatusNames
    {
        /// <summary>As in base.h, without the prefix: "NOT_FOUND".</summary>
        public static string Of(Status status)
        {
            LlavaNative.Load();
            return Internal.Native.llava_status_name((int)status);
        }

        /// <summary>Whether the same call may succeed later without a change by the caller.</summary>
        public static bool IsRetryable(Status status)
        {
            LlavaNative.Load();
            return Internal.Native.llava_status_is_retryable((int)status) != 0;
        }
    }
}

namespace Llava.Internal
{
    internal sealed class FailureDetails
    {
        public readonly Status Code;
        public readonly string Function;
        public readonly Json Numbers;

        public FailureDetails(Status code, string function, Json numbers)
        {
            Code = code;
            Function = function ?? "";
            Numbers = numbers ?? Json.Parse("{}");
        }
    }
}
