// How calls are made. A property that is null (not set) is left to the library's default; a wrong value is refused by name
// when the call is made, as LlavaException with Code InvalidArgument.
using System;
using System.Collections.Generic;

namespace Llava
{
    /// <summary>Options of a call; ToString() gives those that are set as JSON.</summary>
    public abstract class LlavaOptions
    {
        internal LlavaOptions()
        {
        }

        /// <summary>What is set, as JSON.</summary>
        public sealed override string ToString()
        {
            var fields = new Internal.Fields();
            Write(fields);
            return fields.ToString();
        }

        internal abstract void Write(Internal.Fields fields);
    }

    /// <summary>How a model is loaded.</summary>
    public sealed class LoadOptions : LlavaOptions
    {
        /// <summary>"cpu", "cuda:0", ...; not set: the first card, else the CPU.</summary>
        public string Device { get; set; }

        /// <summary>Of the weights; not set: as stored.</summary>
        public Dtype? Dtype { get; set; }

        /// <summary>Conversation template; not set: as the checkpoint says.</summary>
        public string Template { get; set; }

        /// <summary>Positions a session may hold; not set: as the checkpoint says.</summary>
        public long? MaxContext { get; set; }

        /// <summary>Look for NaN and infinity in every weight, and check the files' checksums.</summary>
        public bool? Verify { get; set; }

        /// <summary>Folder of a vision tower.</summary>
        public string VisionTower { get; set; }

        /// <summary>File of a projector.</summary>
        public string Projector { get; set; }

        /// <summary>Folder of a LoRA to attach.</summary>
        public string Adapter { get; set; }

        /// <summary>What the LoRA's products are multiplied with.</summary>
        public float? AdapterScale { get; set; }

        /// <summary>Whose rule cuts pictures into tiles.</summary>
        public TileRule? TileRule { get; set; }

        /// <summary>False: torch's files (.bin, .pt) are refused.</summary>
        public bool? AllowPickle { get; set; }

        /// <summary>
        /// True: weights are read into memory of the process, as much as their files are large, and what becomes of the files
        /// later does not matter; else they are mapped.
        /// </summary>
        public bool? NoMmap { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Choose("dtype", Dtype);
            fields.Set("device", Device);
            fields.Set("template_name", Template);
            fields.Set("max_context", MaxContext);
            fields.Set("verify", Verify);
            fields.Set("vision_tower", VisionTower);
            fields.Set("projector", Projector);
            fields.Set("adapter", Adapter);
            fields.Set("adapter_scale", AdapterScale);
            fields.Choose("tile_rule", TileRule);
            fields.Set("allow_pickle", AllowPickle);
            fields.Set("no_mmap", NoMmap);
        }
    }

    /// <summary>How a checkpoint is written.</summary>
    public sealed class SaveOptions : LlavaOptions
    {
        /// <summary>Whose layout.</summary>
        public Layout? Layout { get; set; }

        /// <summary>Of all numbers; not set: as stored, byte for byte.</summary>
        public Dtype? Dtype { get; set; }

        /// <summary>A model folder of that name gives way.</summary>
        public bool? Overwrite { get; set; }

        /// <summary>Most bytes of tensors in one file.</summary>
        public long? ShardBytes { get; set; }

        /// <summary>Checkpoint.Convert(): folder of the vision tower.</summary>
        public string VisionTower { get; set; }

        /// <summary>Checkpoint.Convert(): file of the projector.</summary>
        public string Projector { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Choose("layout", Layout);
            fields.Choose("dtype", Dtype);
            fields.Set("overwrite", Overwrite);
            fields.Set("shard_bytes", ShardBytes);
            fields.Set("vision_tower", VisionTower);
            fields.Set("projector", Projector);
        }
    }

    /// <summary>How a picture is decoded.</summary>
    public sealed class ImageOptions : LlavaOptions
    {
        /// <summary>Turn the picture as its EXIF orientation says; not set: yes.</summary>
        public bool? ApplyExif { get; set; }

        /// <summary>More is refused before anything is allocated; not set: 67108864.</summary>
        public long? MaxPixels { get; set; }

        /// <summary>Encoded size, likewise; not set: 67108864.</summary>
        public long? MaxBytes { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Set("apply_exif", ApplyExif);
            fields.Set("max_pixels", MaxPixels);
            fields.Set("max_bytes", MaxBytes);
        }
    }

    /// <summary>How a picture is encoded.</summary>
    public sealed class EncodeOptions : LlavaOptions
    {
        /// <summary>Features of the vision tower before the projector.</summary>
        public bool? Features { get; set; }

        /// <summary>Hidden state of the tower: 0 before block 1, -1 last; not set: as the checkpoint says.</summary>
        public int? Layer { get; set; }

        /// <summary>Keep the row of the class token; not set: as the checkpoint says.</summary>
        public bool? ClassToken { get; set; }

        /// <summary>A LoRA's name; "": none; not set: the attached one.</summary>
        public string Adapter { get; set; }

        /// <summary>What its products are multiplied with.</summary>
        public float? AdapterScale { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Set("output", Features.HasValue ? Features.Value ? "features" : "projected" : null);
            fields.Set("layer", Layer);
            fields.Set("class_token", ClassToken.HasValue ? ClassToken.Value ? 1 : 0 : (long?)null);
            fields.Set("adapter", Adapter);
            fields.Set("adapter_scale", AdapterScale);
        }
    }

    /// <summary>How the language model is run over raw ids.</summary>
    public sealed class ForwardOptions : LlavaOptions
    {
        /// <summary>Hidden states after the final norm instead of logits.</summary>
        public bool? Hidden { get; set; }

        /// <summary>The last position only.</summary>
        public bool? LastOnly { get; set; }

        /// <summary>A LoRA's name; "": none; not set: the attached one.</summary>
        public string Adapter { get; set; }

        /// <summary>What its products are multiplied with.</summary>
        public float? AdapterScale { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Set("output", Hidden.HasValue ? Hidden.Value ? "hidden" : "logits" : null);
            fields.Set("last_only", LastOnly);
            fields.Set("adapter", Adapter);
            fields.Set("adapter_scale", AdapterScale);
        }
    }

    /// <summary>How a dialogue becomes a prompt.</summary>
    public sealed class TemplateOptions : LlavaOptions
    {
        /// <summary>End where the assistant's answer starts; not set: yes.</summary>
        public bool? GenerationPrompt { get; set; }

        /// <summary>One of Model.TemplateNames, or "none"; not set: the model's.</summary>
        public string Template { get; set; }

        /// <summary>System prompt instead of the template's own; "" for none.</summary>
        public string System { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Set("generation_prompt", GenerationPrompt);
            fields.Set("template_name", Template);
            fields.Set("system", System);
        }
    }

    /// <summary>How a session behaves.</summary>
    public sealed class SessionOptions : LlavaOptions
    {
        /// <summary>System prompt instead of the template's own; "" for none.</summary>
        public string System { get; set; }

        /// <summary>One of Model.TemplateNames, or "none"; not set: the model's.</summary>
        public string Template { get; set; }

        /// <summary>Positions; not set: the model's.</summary>
        public long? MaxContext { get; set; }

        /// <summary>A LoRA's name; "": none; not set: at each call the one that is attached then.</summary>
        public string Adapter { get; set; }

        /// <summary>What its products are multiplied with.</summary>
        public float? AdapterScale { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Set("system", System);
            fields.Set("template_name", Template);
            fields.Set("max_context", MaxContext);
            fields.Set("adapter", Adapter);
            fields.Set("adapter_scale", AdapterScale);
        }
    }

    /// <summary>How a LoRA is loaded.</summary>
    public sealed class AdapterOptions : LlavaOptions
    {
        /// <summary>Look for NaN and infinity, and check the files' checksums.</summary>
        public bool? Verify { get; set; }

        /// <summary>What calls choose it by; not set: the folder's name.</summary>
        public string Name { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Set("verify", Verify);
            fields.Set("name", Name);
        }
    }

    /// <summary>How a file of training data is looked at.</summary>
    public sealed class DatasetOptions : LlavaOptions
    {
        /// <summary>Which tokens are learned.</summary>
        public Labels? Labels { get; set; }

        /// <summary>Where the picture of the first question goes.</summary>
        public ImagePlace? ImagePlace { get; set; }

        /// <summary>How closely pictures are looked at.</summary>
        public Pictures? Pictures { get; set; }

        /// <summary>Pictures may lie anywhere, not below ImageRoot alone.</summary>
        public bool? AllowOutside { get; set; }

        /// <summary>Threads that read records and decode pictures.</summary>
        public int? Threads { get; set; }

        /// <summary>Positions of a sample; not set: the model's context.</summary>
        public long? MaxLength { get; set; }

        /// <summary>Of ImagePlace.Random.</summary>
        public long? Seed { get; set; }

        /// <summary>Folder of the pictures; not set: the data file's.</summary>
        public string ImageRoot { get; set; }

        /// <summary>Not set: the model's.</summary>
        public string Template { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Choose("labels", Labels);
            fields.Choose("image_place", ImagePlace);
            fields.Choose("pictures", Pictures);
            fields.Set("allow_outside", AllowOutside);
            fields.Set("threads", Threads);
            fields.Set("max_length", MaxLength);
            fields.Set("seed", Seed);
            fields.Set("image_root", ImageRoot);
            fields.Set("template_name", Template);
        }
    }
}
