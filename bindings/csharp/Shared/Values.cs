// Plain values that come out of the library.
using System;

namespace Llava
{
    /// <summary>How far loading or writing is.</summary>
    public struct LoadProgress
    {
        internal LoadProgress(string phase, long done, long total, string item) : this()
        {
            Phase = phase;
            Done = done;
            Total = total;
            Item = item;
        }

        /// <summary>"weights", then "warm-up"; "save"; "index" and "check" of data.</summary>
        public string Phase { get; private set; }

        /// <summary>Bytes; records of data.</summary>
        public long Done { get; private set; }

        /// <summary>0 while unknown.</summary>
        public long Total { get; private set; }

        /// <summary>The file or tensor at hand.</summary>
        public string Item { get; private set; }
    }

    /// <summary>What a model can take.</summary>
    public sealed class ModelLimits
    {
        internal ModelLimits(Internal.llava_limits read)
        {
            Context = read.context;
            TokensPerImage = read.tokens_per_image;
            ImageSize = read.image_size;
            Vocabulary = read.vocabulary;
            Width = read.width;
            Layers = read.layers;
            VisionWidth = read.vision_width;
            VisionLayers = read.vision_layers;
            ImageCount = read.image_count;
        }

        /// <summary>Positions a session may hold.</summary>
        public int Context { get; private set; }

        /// <summary>Positions one picture takes, the most where that depends on its size.</summary>
        public int TokensPerImage { get; private set; }

        /// <summary>Side of the square the vision tower sees, in pixels.</summary>
        public int ImageSize { get; private set; }

        /// <summary>Token ids are 0 ... Vocabulary - 1.</summary>
        public int Vocabulary { get; private set; }

        /// <summary>Width of the language model.</summary>
        public int Width { get; private set; }

        /// <summary>Blocks of the language model.</summary>
        public int Layers { get; private set; }

        /// <summary>Width of the vision tower.</summary>
        public int VisionWidth { get; private set; }

        /// <summary>Blocks of the vision tower.</summary>
        public int VisionLayers { get; private set; }

        /// <summary>Pictures one message may hold.</summary>
        public int ImageCount { get; private set; }
    }

    /// <summary>What a model takes up.</summary>
    public sealed class ModelMemory
    {
        internal ModelMemory(Internal.llava_model_usage read)
        {
            Device = read.device;
            WeightBytes = read.weight_bytes;
            CacheBytesPerToken = read.cache_bytes_per_token;
        }

        /// <summary>Number of the device: Device.All[...].</summary>
        public int Device { get; private set; }

        /// <summary>Weights, mapped from files or copied.</summary>
        public long WeightBytes { get; private set; }

        /// <summary>Keys and values a session keeps for each position.</summary>
        public long CacheBytesPerToken { get; private set; }
    }

    /// <summary>What a session has done and holds.</summary>
    public sealed class SessionStats
    {
        internal SessionStats(Internal.llava_session_usage read)
        {
            Turns = read.turns;
            Tokens = read.tokens;
            Limit = read.limit;
            TokensComputed = read.tokens_computed;
            ImagesEncoded = read.images_encoded;
            ImageHits = read.image_hits;
            CacheBytes = read.cache_bytes;
        }

        /// <summary>Messages in the history.</summary>
        public int Turns { get; private set; }

        /// <summary>Positions whose keys and values are held.</summary>
        public long Tokens { get; private set; }

        /// <summary>Positions it may hold.</summary>
        public long Limit { get; private set; }

        /// <summary>Positions run through the language model since the session was made.</summary>
        public long TokensComputed { get; private set; }

        /// <summary>Pictures run through the vision tower since then.</summary>
        public long ImagesEncoded { get; private set; }

        /// <summary>Pictures found encoded already.</summary>
        public long ImageHits { get; private set; }

        /// <summary>Memory of keys, values and encoded pictures.</summary>
        public long CacheBytes { get; private set; }
    }

    /// <summary>What an answer took; times are of work, in milliseconds.</summary>
    public sealed class Usage
    {
        internal Usage(Internal.llava_usage read)
        {
            PromptTokens = read.prompt_tokens;
            ImageTokens = read.image_tokens;
            CachedTokens = read.cached_tokens;
            CompletionTokens = read.completion_tokens;
            PreprocessMs = read.preprocess_ms;
            EncodeMs = read.encode_ms;
            PromptMs = read.prompt_ms;
            PrefillMs = read.prefill_ms;
            FirstTokenMs = read.first_token_ms;
            DecodeMs = read.decode_ms;
            TotalMs = read.total_ms;
            TokensPerSecond = read.tokens_per_second;
        }

        /// <summary>Positions of the prompt, pictures included.</summary>
        public long PromptTokens { get; private set; }

        /// <summary>Positions of pictures among them.</summary>
        public long ImageTokens { get; private set; }

        /// <summary>Positions of the prompt that needed no computing.</summary>
        public long CachedTokens { get; private set; }

        /// <summary>Tokens of the answer.</summary>
        public long CompletionTokens { get; private set; }

        /// <summary>Pictures: resizing, normalising.</summary>
        public double PreprocessMs { get; private set; }

        /// <summary>Pictures: vision tower and projector.</summary>
        public double EncodeMs { get; private set; }

        /// <summary>Template and tokenizer.</summary>
        public double PromptMs { get; private set; }

        /// <summary>Reading the prompt.</summary>
        public double PrefillMs { get; private set; }

        /// <summary>All work until the first token.</summary>
        public double FirstTokenMs { get; private set; }

        /// <summary>From the first token to the last.</summary>
        public double DecodeMs { get; private set; }

        /// <summary>The two together.</summary>
        public double TotalMs { get; private set; }

        /// <summary>Of decoding; 0 for fewer than two tokens.</summary>
        public double TokensPerSecond { get; private set; }
    }
}
