// Finished answers.
using System;
using Llava.Internal;

namespace Llava
{
    /// <summary>A finished answer; ToString() is its text. It never changes.</summary>
    public sealed class Response : LlavaObject
    {
        internal Response(ResponseHandle handle) : base(handle)
        {
        }

        private ResponseHandle Handle
        {
            get { return (ResponseHandle)Open(); }
        }

        /// <summary>The words.</summary>
        public string Text
        {
            get
            {
                using (new Held(Handle))
                {
                    long size;
                    var text = Native.llava_response_text_n(Handle, 0, out size);
                    return Utf8.Read(text, size);
                }
            }
        }

        /// <summary>Why it ended.</summary>
        public FinishReason FinishReason
        {
            get { return (FinishReason)Native.llava_response_finish_reason(Handle, 0); }
        }

        /// <summary>Token ids as drawn, a final stop token included.</summary>
        public int[] Tokens
        {
            get
            {
                return Arrays.Ids((memory, room) =>
                {
                    long count;
                    Native.llava_response_tokens(Handle, 0, memory, room, out count);
                    return count;
                });
            }
        }

        /// <summary>Likelihoods token by token, when ChatOptions.Logprobs asked for them.</summary>
        public Json Logprobs
        {
            get
            {
                string json;
                Native.llava_response_logprobs_json(Handle, 0, out json);
                return Json.Parse(json);
            }
        }

        /// <summary>Gives this answer again.</summary>
        public long Seed
        {
            get { return Native.llava_response_seed(Handle); }
        }

        /// <summary>Tokens and times.</summary>
        public Usage Usage
        {
            get
            {
                using (var read = new llava_usage())
                {
                    Native.llava_response_usage(Handle, read);
                    return new Usage(read);
                }
            }
        }

        /// <summary>The shape of OpenAI's chat interface.</summary>
        public Json ToJson()
        {
            string json;
            Native.llava_response_to_json(Handle, out json);
            return Json.Parse(json);
        }

        /// <summary>The words.</summary>
        public override string ToString()
        {
            return IsDisposed ? "Response (disposed)" : Text;
        }
    }

    /// <summary>Names of finish reasons.</summary>
    public static class FinishReasonNames
    {
        /// <summary>As in JSON: "stop", "stop_string", "length", "context", "cancelled", "timeout".</summary>
        public static string Of(FinishReason reason)
        {
            LlavaNative.Load();
            return Native.llava_finish_reason_name((int)reason);
        }
    }
}
