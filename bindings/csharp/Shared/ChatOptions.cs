// How an answer is made.
using System;
using System.Collections.Generic;

namespace Llava
{
    /// <summary>How an answer is made; what is not set is the model's own value.</summary>
    public sealed class ChatOptions : LlavaOptions
    {
        /// <summary>Longest answer.</summary>
        public int? MaxTokens { get; set; }

        /// <summary>No end before.</summary>
        public int? MinTokens { get; set; }

        /// <summary>0 is greedy.</summary>
        public float? Temperature { get; set; }

        /// <summary>Mass to draw from.</summary>
        public float? TopP { get; set; }

        /// <summary>Least likelihood, relative to the best.</summary>
        public float? MinP { get; set; }

        /// <summary>How many to draw from; 0: all.</summary>
        public int? TopK { get; set; }

        /// <summary>1: none.</summary>
        public float? RepetitionPenalty { get; set; }

        /// <summary>Gives the same answer again.</summary>
        public long? Seed { get; set; }

        /// <summary>Texts that end the answer.</summary>
        public IEnumerable<string> Stop { get; set; }

        /// <summary>Ids that end the answer.</summary>
        public IEnumerable<int> StopIds { get; set; }

        /// <summary>Ids that are never drawn.</summary>
        public IEnumerable<int> BadIds { get; set; }

        /// <summary>Ids whose logits are changed, and by how much.</summary>
        public IDictionary<int, float> LogitBias { get; set; }

        /// <summary>Keep the stop string.</summary>
        public bool? IncludeStop { get; set; }

        /// <summary>End marks do not end the answer.</summary>
        public bool? IgnoreEos { get; set; }

        /// <summary>0: of drawn tokens; n: and of the n likeliest.</summary>
        public int? Logprobs { get; set; }

        /// <summary>Keep what was said before a cancel or deadline, instead of throwing.</summary>
        public bool? KeepOnCancel { get; set; }

        /// <summary>Deadline of the whole answer.</summary>
        public TimeSpan? Timeout { get; set; }

        /// <summary>A LoRA's name; "": none; not set: the session's.</summary>
        public string Adapter { get; set; }

        /// <summary>What its products are multiplied with.</summary>
        public float? AdapterScale { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Set("max_tokens", MaxTokens);
            fields.Set("min_tokens", MinTokens);
            fields.Set("temperature", Temperature);
            fields.Set("top_p", TopP);
            fields.Set("min_p", MinP);
            fields.Set("top_k", TopK);
            fields.Set("repetition_penalty", RepetitionPenalty);
            fields.Set("seed", Seed);
            fields.Set("stop", Stop);
            fields.Set("stop_ids", StopIds);
            fields.Set("bad_ids", BadIds);
            if (LogitBias != null)
            {
                var ids = new List<int>(LogitBias.Keys);
                fields.Set("bias_ids", ids);
                fields.Set("bias_values", ids.ConvertAll(id => LogitBias[id]));
            }
            fields.Set("include_stop", IncludeStop);
            fields.Set("ignore_eos", IgnoreEos);
            fields.Set("logprobs", Logprobs);
            fields.Set("on_cancel", KeepOnCancel.HasValue ? KeepOnCancel.Value ? "keep" : "rollback" : null);
            fields.Set("timeout_ms", Timeout);
            fields.Set("adapter", Adapter);
            fields.Set("adapter_scale", AdapterScale);
        }
    }
}
