// The choices of the C headers as enums; tests/csharp compares each number with the header's.
namespace Llava
{
    /// <summary>Who speaks.</summary>
    public enum Role
    {
        /// <summary>The instruction before the dialogue.</summary>
        System = 0,
        /// <summary>The one who asks.</summary>
        User = 1,
        /// <summary>The model.</summary>
        Assistant = 2
    }

    /// <summary>Layouts of raw pixels: order of bytes in memory, eight bits each.</summary>
    public enum PixelFormat
    {
        /// <summary>One byte a pixel.</summary>
        Gray8 = 0,
        /// <summary>Red, green, blue.</summary>
        Rgb24 = 1,
        /// <summary>Blue, green, red.</summary>
        Bgr24 = 2,
        /// <summary>Red, green, blue, opacity.</summary>
        Rgba32 = 3,
        /// <summary>Blue, green, red, opacity: System.Drawing's Format32bppArgb.</summary>
        Bgra32 = 4,
        /// <summary>Opacity, red, green, blue.</summary>
        Argb32 = 5,
        /// <summary>Red, green, blue, a byte without meaning.</summary>
        Rgbx32 = 6
    }

    /// <summary>Where a picture came from.</summary>
    public enum ImageSource
    {
        /// <summary>Raw pixels.</summary>
        Pixels = 0,
        /// <summary>JPEG.</summary>
        Jpeg = 1,
        /// <summary>PNG.</summary>
        Png = 2,
        /// <summary>BMP.</summary>
        Bmp = 3,
        /// <summary>GIF, first frame.</summary>
        Gif = 4,
        /// <summary>WebP.</summary>
        Webp = 5
    }

    /// <summary>Kinds of numbers.</summary>
    public enum Dtype
    {
        /// <summary>Only in options: as stored.</summary>
        Auto = 0,
        /// <summary>IEEE single.</summary>
        F32 = 1,
        /// <summary>IEEE half.</summary>
        F16 = 2,
        /// <summary>bfloat16.</summary>
        Bf16 = 3
    }

    /// <summary>What happened in a stream.</summary>
    public enum EventType
    {
        /// <summary>A picture was encoded.</summary>
        ImageEncoded = 0,
        /// <summary>A part of the prompt was read.</summary>
        Prefill = 1,
        /// <summary>A token that completes text.</summary>
        Text = 2,
        /// <summary>A token whose text is held back until it is whole.</summary>
        Token = 3,
        /// <summary>The answer is complete.</summary>
        Done = 4
    }

    /// <summary>Why an answer ended.</summary>
    public enum FinishReason
    {
        /// <summary>The model ended it, or a stop id came.</summary>
        Stop = 0,
        /// <summary>A stop string came.</summary>
        StopString = 1,
        /// <summary>MaxTokens.</summary>
        Length = 2,
        /// <summary>The context is full.</summary>
        Context = 3,
        /// <summary>Stopped and kept.</summary>
        Cancelled = 4,
        /// <summary>Deadline, and kept.</summary>
        Timeout = 5
    }

    /// <summary>Special tokens.</summary>
    public enum SpecialToken
    {
        /// <summary>Begin of a prompt.</summary>
        Bos = 0,
        /// <summary>End of an answer.</summary>
        Eos = 1,
        /// <summary>Unknown piece.</summary>
        Unk = 2,
        /// <summary>Filler.</summary>
        Pad = 3,
        /// <summary>The id a checkpoint reserves for pictures.</summary>
        Image = 4
    }

    /// <summary>Whose rule cuts pictures into tiles (LLaVA-NeXT).</summary>
    public enum TileRule
    {
        /// <summary>By the checkpoint's layout.</summary>
        Auto = 0,
        /// <summary>The original repository's.</summary>
        Original = 1,
        /// <summary>transformers'.</summary>
        Hf = 2
    }

    /// <summary>Layouts a checkpoint can be written in.</summary>
    public enum Layout
    {
        /// <summary>The one it has.</summary>
        Keep = 0,
        /// <summary>Hugging Face's.</summary>
        Hf = 1,
        /// <summary>The original repository's.</summary>
        Original = 2
    }

    /// <summary>Which tokens are learned.</summary>
    public enum Labels
    {
        /// <summary>The assistant's words and end marks.</summary>
        Spans = 0,
        /// <summary>The original's rules with their quirks.</summary>
        Upstream = 1
    }

    /// <summary>Where the picture of the first question goes.</summary>
    public enum ImagePlace
    {
        /// <summary>Before the text.</summary>
        First = 0,
        /// <summary>Where the record has it.</summary>
        AsWritten = 1,
        /// <summary>Before or behind the text.</summary>
        Random = 2
    }

    /// <summary>How closely pictures are looked at.</summary>
    public enum Pictures
    {
        /// <summary>Decoded.</summary>
        Whole = 0,
        /// <summary>There, a picture, within the limits.</summary>
        Header = 1,
        /// <summary>Not at all.</summary>
        Skip = 2
    }

    /// <summary>How the learning rate goes.</summary>
    public enum Schedule
    {
        /// <summary>Warm-up, then half a cosine.</summary>
        Cosine = 0,
        /// <summary>Warm-up, then straight down.</summary>
        Linear = 1,
        /// <summary>Warm-up, then the peak.</summary>
        Constant = 2,
        /// <summary>Warm-up, the peak, then straight down over the last DecayRatio of the run.</summary>
        Wsd = 3
    }

    /// <summary>In which order the gradients of a step's micro-batches are added up.</summary>
    public enum SumOrder
    {
        /// <summary>Two by two, as a binary counter.</summary>
        Tree = 0,
        /// <summary>Each to the sum of those before it: one sum in memory.</summary>
        Chain = 1
    }

    /// <summary>How the loss of a step is averaged.</summary>
    public enum LossMean
    {
        /// <summary>Over a micro-batch, then over micro-batches.</summary>
        Group = 0,
        /// <summary>Over all learned tokens of the step.</summary>
        Global = 1
    }

    /// <summary>In which order samples are seen.</summary>
    public enum SampleOrder
    {
        /// <summary>As in the file.</summary>
        Sequential = 0,
        /// <summary>By the seed.</summary>
        Shuffled = 1,
        /// <summary>Batches of pictures or of texts alone.</summary>
        Grouped = 2,
        /// <summary>The original's.</summary>
        Upstream = 3
    }

    /// <summary>What is computed twice to save memory.</summary>
    public enum Recompute
    {
        /// <summary>Cheap.</summary>
        Auto = 0,
        /// <summary>Nothing.</summary>
        None = 1,
        /// <summary>Norms and the product of SwiGLU.</summary>
        Cheap = 2,
        /// <summary>Each block.</summary>
        Full = 3
    }

    /// <summary>Whether sums have one order on any number of ranks.</summary>
    public enum Deterministic
    {
        /// <summary>On, on the CPU.</summary>
        Auto = 0,
        /// <summary>The same bits on any number of ranks.</summary>
        On = 1,
        /// <summary>Less to send.</summary>
        Off = 2
    }
}
