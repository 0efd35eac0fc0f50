// How a stage is trained.
namespace Llava
{
    /// <summary>
    /// How a stage is trained; Data and OutDir must be set. Numbers that are not set are the preset's, and the library's
    /// defaults (include/llava/train_options.h) where the preset says nothing.
    /// </summary>
    public sealed class TrainOptions : LlavaOptions
    {
        /// <summary>1: the projector learns; 2: the language model learns too.</summary>
        public int? Stage { get; set; }
        /// <summary>"llava-1.5" (default), "llava-1.5-lora", "llava-1.5-qlora", "llava-v0", "scienceqa", "custom".</summary>
        public string Preset { get; set; }
        /// <summary>LLaVA's JSON or JSONL of records.</summary>
        public string Data { get; set; }
        /// <summary>Folder of all pictures; not set: that of the file whose records name them.</summary>
        public string ImageRoot { get; set; }
        /// <summary>Folder of the run: new, empty, or the run that is to go on.</summary>
        public string OutDir { get; set; }
        /// <summary>"auto" (default), "never", or the folder of a snapshot.</summary>
        public string Resume { get; set; }
        /// <summary>Held-out records.</summary>
        public string EvalData { get; set; }
        /// <summary>Regular expression over parameter names; not set: the stage's.</summary>
        public string Learns { get; set; }
        /// <summary>Conversation template; not set: the preset's.</summary>
        public string Template { get; set; }
        /// <summary>As in LoadOptions.</summary>
        public string VisionTower { get; set; }
        /// <summary>As in LoadOptions.</summary>
        public string Projector { get; set; }
        /// <summary>"mlp2x_gelu", "linear" ...: begin with a projector that has learned nothing.</summary>
        public string NewProjector { get; set; }
        /// <summary>Peak learning rate.</summary>
        public double? Lr { get; set; }
        /// <summary>Of the projector.</summary>
        public double? ProjectorLr { get; set; }
        /// <summary>Of the vision tower, where Learns takes it in.</summary>
        public double? VisionLr { get; set; }
        /// <summary>Of matrices, not of norms and biases.</summary>
        public double? WeightDecay { get; set; }
        /// <summary>Of AdamW.</summary>
        public double? Beta1 { get; set; }
        /// <summary>Of AdamW.</summary>
        public double? Beta2 { get; set; }
        /// <summary>Of AdamW.</summary>
        public double? Epsilon { get; set; }
        /// <summary>Steps of warm-up, of all.</summary>
        public double? WarmupRatio { get; set; }
        /// <summary>Largest norm of a step's gradient; 0: no bound.</summary>
        public double? Clip { get; set; }
        /// <summary>Samples of a step, over all ranks.</summary>
        public long? Batch { get; set; }
        /// <summary>Samples that go through the model together.</summary>
        public long? MicroBatch { get; set; }
        /// <summary>Times the data are seen.</summary>
        public long? Epochs { get; set; }
        /// <summary>Length of the run instead of Epochs.</summary>
        public long? Steps { get; set; }
        /// <summary>Positions of a sample; 0: the model's context.</summary>
        public long? MaxLength { get; set; }
        /// <summary>Instead of WarmupRatio.</summary>
        public long? WarmupSteps { get; set; }
        /// <summary>Of orders and draws.</summary>
        public long? Seed { get; set; }
        /// <summary>Steps between snapshots; 0: at the end and when stopped.</summary>
        public long? SaveEvery { get; set; }
        /// <summary>Snapshots that are kept.</summary>
        public long? Keep { get; set; }
        /// <summary>Steps between evaluations on EvalData; 0: at the end.</summary>
        public long? EvalEvery { get; set; }
        /// <summary>Records that may be unusable; -1: any number.</summary>
        public long? SkipBad { get; set; }
        /// <summary>Steps in a row that may be left out because loss or gradient is not finite; 0: the first ends the run.</summary>
        public long? SkipDiverged { get; set; }
        /// <summary>Also the original's files, in torch's format.</summary>
        public bool? TorchFiles { get; set; }
        /// <summary>The snapshots of SaveEvery are written meanwhile, from a copy (12 bytes a parameter).</summary>
        public bool? SaveAsync { get; set; }
        /// <summary>Steps after which the first questions of AnswerData, at most three, are asked; 0: never.</summary>
        public long? AnswerEvery { get; set; }
        /// <summary>Records with these questions; those of EvalData where there are none.</summary>
        public string AnswerData { get; set; }
        /// <summary>"cpu", "cuda:0"; "cuda": of several ranks each takes the card of its number on its machine.</summary>
        public string Device { get; set; }
        /// <summary>How the learning rate goes.</summary>
        public Schedule? Schedule { get; set; }
        /// <summary>Of Schedule.Wsd alone: steps over which it goes down, of all; not set: 0.1.</summary>
        public double? DecayRatio { get; set; }
        /// <summary>In which order the gradients of a step's micro-batches are added up; it decides last digits.</summary>
        public SumOrder? SumOrder { get; set; }
        /// <summary>How the loss is averaged.</summary>
        public LossMean? LossMean { get; set; }
        /// <summary>In which order samples are seen.</summary>
        public SampleOrder? Order { get; set; }
        /// <summary>Where the picture of the first question goes.</summary>
        public ImagePlace? ImagePlace { get; set; }
        /// <summary>"pad": a picture is padded to a square; "square": its centre is cropped; not set: as the model's files
        /// say, else the preset's.</summary>
        public string ImageAspectRatio { get; set; }
        /// <summary>Which tokens are learned.</summary>
        public Labels? Labels { get; set; }
        /// <summary>Pictures may lie anywhere, not below ImageRoot alone.</summary>
        public bool? AllowOutside { get; set; }
        /// <summary>Threads that decode pictures ahead.</summary>
        public int? LoaderThreads { get; set; }
        /// <summary>F32, or Bf16: weights rounded for what they are multiplied with.</summary>
        public Dtype? Dtype { get; set; }
        /// <summary>What is computed twice to save memory.</summary>
        public Recompute? Recompute { get; set; }
        /// <summary>Processes of this machine that train together (Training.Launch() and Stage()).</summary>
        public int? Nproc { get; set; }
        /// <summary>Of what each rank holds its share alone; 1: the optimizer's state, 2: and gradients, 3: and what learns.</summary>
        public int? Zero { get; set; }
        /// <summary>The same bits on any number of ranks.</summary>
        public Deterministic? Deterministic { get; set; }
        /// <summary>Event files below OutDir/tensorboard.</summary>
        public bool? Tensorboard { get; set; }
        /// <summary>mm_projector.safetensors beside the result.</summary>
        public bool? ProjectorFile { get; set; }
        /// <summary>16, or 4: frozen weights beside a LoRA in four bits.</summary>
        public int? BaseBits { get; set; }
        /// <summary>Rank of a LoRA; 0: none.</summary>
        public long? LoraR { get; set; }
        /// <summary>Its products count LoraAlpha / LoraR.</summary>
        public double? LoraAlpha { get; set; }
        /// <summary>Of its inputs.</summary>
        public double? LoraDropout { get; set; }
        /// <summary>Matrices by name, parted by commas; not set: all.</summary>
        public string LoraTargets { get; set; }
        /// <summary>What ranks run; not set: libexec/llava/llava-rank beside the folder of libllava, which no NuGet package has: name
        /// that of an installed libllava.</summary>
        public string RankProgram { get; set; }

        internal override void Write(Internal.Fields fields)
        {
            fields.Set("stage", Stage);
            fields.Set("preset", Preset);
            fields.Set("data", Data);
            fields.Set("image_root", ImageRoot);
            fields.Set("out_dir", OutDir);
            fields.Set("resume", Resume);
            fields.Set("eval_data", EvalData);
            fields.Set("learns", Learns);
            fields.Set("template_name", Template);
            fields.Set("vision_tower", VisionTower);
            fields.Set("projector", Projector);
            fields.Set("new_projector", NewProjector);
            WriteNumbers(fields);
            fields.Choose("schedule", Schedule);
            fields.Choose("sum_order", SumOrder);
            fields.Choose("loss_mean", LossMean);
            fields.Choose("order", Order);
            fields.Choose("image_place", ImagePlace);
            fields.Choose("labels", Labels);
            fields.Set("allow_outside", AllowOutside);
            fields.Set("loader_threads", LoaderThreads);
            fields.Choose("dtype", Dtype);
            fields.Choose("recompute", Recompute);
            fields.Set("nproc", Nproc);
            fields.Set("zero", Zero);
            fields.Choose("deterministic", Deterministic);
            fields.Set("device", Device);
            fields.Set("image_aspect_ratio", ImageAspectRatio);
            fields.Set("tensorboard", Tensorboard);
            fields.Set("projector_file", ProjectorFile);
            fields.Set("base_bits", BaseBits.HasValue ? BaseBits.Value.ToString(System.Globalization.CultureInfo.InvariantCulture) : null);
            fields.Set("lora_r", LoraR);
            fields.Set("lora_alpha", LoraAlpha);
            fields.Set("lora_dropout", LoraDropout);
            fields.Set("lora_targets", LoraTargets);
            fields.Set("rank_program", RankProgram);
        }

        private void WriteNumbers(Internal.Fields fields)
        {
            fields.Set("lr", Lr);
            fields.Set("projector_lr", ProjectorLr);
            fields.Set("vision_lr", VisionLr);
            fields.Set("weight_decay", WeightDecay);
            fields.Set("beta1", Beta1);
            fields.Set("beta2", Beta2);
            fields.Set("epsilon", Epsilon);
            fields.Set("warmup_ratio", WarmupRatio);
            fields.Set("decay_ratio", DecayRatio);
            fields.Set("clip", Clip);
            fields.Set("batch", Batch);
            fields.Set("micro_batch", MicroBatch);
            fields.Set("epochs", Epochs);
            fields.Set("steps", Steps);
            fields.Set("max_length", MaxLength);
            fields.Set("warmup_steps", WarmupSteps);
            fields.Set("seed", Seed);
            fields.Set("save_every", SaveEvery);
            fields.Set("keep", Keep);
            fields.Set("eval_every", EvalEvery);
            fields.Set("skip_bad", SkipBad);
            fields.Set("skip_diverged", SkipDiverged);
            fields.Set("torch_files", TorchFiles);
            fields.Set("save_async", SaveAsync);
            fields.Set("answer_every", AnswerEvery);
            fields.Set("answer_data", AnswerData);
        }
    }
}
