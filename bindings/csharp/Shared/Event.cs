// What happens while an answer is made.
using System;
using Llava.Internal;

namespace Llava
{
    /// <summary>One thing that happened in a stream; ToString() is its text. A plain value: nothing to dispose.</summary>
    public sealed class Event
    {
        private Event(IntPtr read)
        {
            Type = (EventType)Native.llava_event_type(read);
            if (Type == EventType.Text || Type == EventType.Token)
            {
                long size;
                var text = Native.llava_event_text(read, out size);
                Text = Utf8.Read(text, size);
                Token = Native.llava_event_token(read);
                Logprob = Native.llava_event_logprob(read);
            }
            else
            {
                Text = "";
                Progress = Native.llava_event_progress(read);
            }
            Index = Native.llava_event_index(read);
        }

        /// <summary>What kind.</summary>
        public EventType Type { get; private set; }

        /// <summary>Whole characters; "" for events without text.</summary>
        public string Text { get; private set; }

        /// <summary>The token's id; null for events without one.</summary>
        public int? Token { get; private set; }

        /// <summary>How likely the token was; NaN unless ChatOptions.Logprobs is set; 0 for events without one.</summary>
        public double Logprob { get; private set; }

        /// <summary>How far encoding or reading the prompt is, 0 ... 1.</summary>
        public double Progress { get; private set; }

        /// <summary>Which picture, or which token of the answer; -1 for other events.</summary>
        public long Index { get; private set; }

        /// <summary>The text.</summary>
        public override string ToString()
        {
            return Text;
        }

        /// <summary>Copies an event of the library and frees it.</summary>
        internal static Event Take(IntPtr owned)
        {
            try
            {
                return new Event(owned);
            }
            finally
            {
                Native.llava_event_free(owned);
            }
        }
    }
}
