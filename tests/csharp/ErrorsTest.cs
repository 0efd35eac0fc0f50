// Exceptions: what fits, with code, numbers and text; wrong options by name; the process and its devices.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Llava;

public static class ErrorsTest
{
    [Test]
    public static void EveryStatusHasItsName()
    {
        foreach (Status status in Enum.GetValues(typeof(Status)))
            Check.Equal(StatusNames.Of(status).Replace("_", "").ToLowerInvariant(), status.ToString().ToLowerInvariant());
        Check.Equal(StatusNames.Of((Status)57), "UNKNOWN");
    }

    [Test]
    public static void AFailureTellsWhereWhatAndByHowMuch()
    {
        var absent = Check.Throws<FileNotFoundException>(() => Model.Load("/tmp/无 🦙"));
        Check.Contains(absent.Message, "无 🦙");
        Check.Equal(((ILlavaFailure)absent).Function, "llava_load");
        var full = (LlavaException)Check.Fails(Status.ContextFull, () => Support.Shared.Ask(new string('x', 5000)));
        Check.Equal(full.Details["limit"].Integer, 512L);
        Check.That(full.Details["needed"].Integer > 512, "and what was needed");
        Check.Fails(Status.NotFound, () => Support.Shared.CreateSession(new SessionOptions { Template = "no such" }));
    }

    [Test]
    public static void WrongOptionsAreRefusedByName()
    {
        var refused = new Dictionary<ChatOptions, string>
        {
            { new ChatOptions { TopP = 7 }, "top_p" }, { new ChatOptions { Temperature = float.NaN }, "temperature" },
            { new ChatOptions { Temperature = 1000 }, "temperature" }, { new ChatOptions { MaxTokens = 0 }, "max_tokens" },
            { new ChatOptions { Stop = new[] { "" } }, "stop" }, { new ChatOptions { Stop = new string[] { null } }, "stop" },
            { new ChatOptions { Adapter = "a\0b" }, "adapter" }, { new ChatOptions { BadIds = new[] { -7 } }, "bad_ids" },
            { new ChatOptions { Timeout = TimeSpan.FromSeconds(-5) }, "timeout_ms" },
            { new ChatOptions { LogitBias = new Dictionary<int, float> { { 1, float.PositiveInfinity } } }, "bias_values" }
        };
        foreach (var each in refused)
            Check.Contains(Check.Fails(Status.InvalidArgument, () => Support.Shared.Ask("hi", null, each.Key)).Message, each.Value);
        Check.Contains(Check.Fails(Status.InvalidArgument,
            () => Model.Load(Support.Tiny, new LoadOptions { Device = "abacus" })).Message, "abacus");
        Check.Contains(Check.Fails(Status.InvalidArgument,
            () => Model.Load(Support.Tiny, new LoadOptions { Dtype = (Dtype)9 })).Message, "dtype");
        Check.Fails(Status.NotFound, () => Support.Shared.Ask("hi", null, new ChatOptions { Adapter = "no such" }));
    }

    [Test]
    public static void NothingReachesTheNativeSideUnchecked()
    {
        var model = Support.Shared;
        foreach (var call in new Action[]
        {
            () => Model.Load(null), () => Image.FromFile(null), () => Image.FromBytes(null), () => model.Tokenize(null),
            () => model.Ask((string)null), () => model.Ask((Message)null), () => model.Encode((Image)null),
            () => model.Encode(new Image[] { null }), () => model.CountTokens(new Message[] { null }), () => Tensor.Of((float[])null, 1),
            () => Message.User((string)null), () => model.Attach(null), () => model.Save(null), () => Json.Parse(null),
            () => Checkpoint.Plan(null), () => new Dataset(null), () => new Trainer(null, new TrainOptions()),
            () => new Trainer("x", null), () => Training.Stage(null, new TrainOptions()), () => new Llava.Decoder(null)
        })
            Check.Throws<ArgumentNullException>(call);
        Check.Fails(Status.InvalidArgument, () => Image.FromFile("a\0b"));
        Check.Throws<EncoderFallbackException>(() => model.Ask("hi\ud800"));
        Check.Throws<EncoderFallbackException>(() => Model.Load("\udc00"));
        Check.Fails(Status.InvalidArgument, () => model.Encode(new Image[0]));
        Check.Fails(Status.InvalidArgument, () => model.Forward(new int[0]));
        Check.Fails(Status.InvalidArgument, () => model.TokenText(-1));
    }

    [Test]
    public static void LoadingTellsHowFarItIsAndCanBeStopped()
    {
        var seen = new List<LoadProgress>();
        Model.Load(Support.Scenes, null, new Heard(seen.Add)).Dispose();
        Check.Equal(seen.Select(each => each.Phase).Distinct(), new[] { "weights", "warm-up" });
        Check.That(seen.Last().Done == seen.Last().Total && seen.Last().Total > 0, "to the end");
        var mine = new DivideByZeroException("mine");
        Check.That(Check.Throws<DivideByZeroException>(() => Model.Load(Support.Scenes, null,
            new Heard(told => { throw mine; }))) == mine, "what is thrown comes out as it is");
        using (var source = new CancellationTokenSource())
        {
            Check.Throws<OperationCanceledException>(
                () => Model.Load(Support.Scenes, null, new Heard(told => source.Cancel()), source.Token));
            Check.Throws<OperationCanceledException>(() => Image.FromFile(Support.Dotted, null, source.Token));
        }
    }

    [Test]
    public static void FilesOfAModelThatIsNotMappedMayChange()
    {
        Support.InFolder(folder =>
        {
            foreach (var file in Directory.GetFiles(Support.Tiny)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            using (var read = Model.Load(folder, new LoadOptions { NoMmap = true }))
            using (var mapped = Model.Load(folder))
            {
                File.AppendAllText(Path.Combine(folder, "model.safetensors"), "more");
                using (var tiny = Model.Load(Support.Tiny))
                using (var expected = tiny.Ask("hi", null, Support.Greedy(8)))
                using (var answer = read.Ask("hi", null, Support.Greedy(8)))
                    Check.Equal(answer.Tokens, expected.Tokens);
                Check.Contains(Check.Fails(Status.Io, () => mapped.Ask("hi", null, Support.Greedy(8))).Message, "model.safetensors");
            }
        });
    }

    [Test]
    public static void CheckpointsArePlannedSavedAndConverted()
    {
        Support.InFolder(folder =>
        {
            Check.Equal(Checkpoint.Plan(Support.Scenes, new LoadOptions { Dtype = Dtype.F32 })["family"].Text, "llava-1.5");
            var saved = Path.Combine(folder, "saved 🦙");
            Support.Shared.Save(saved, new SaveOptions { Layout = Layout.Original, Dtype = Dtype.F32 });
            using (var copy = Model.Load(saved))
            using (var image = Image.FromFile(Support.Dotted))
            using (var answer = copy.Ask(Support.HowMany, image, Support.Greedy(9)))
                Check.Equal(answer.Text, "four");
            var phases = new List<string>();
            Checkpoint.Convert(Support.Tiny, Path.Combine(folder, "converted"), null, new Heard(told => phases.Add(told.Phase)));
            Check.That(phases.Contains("save"), "progress is heard");
            Check.Fails(Status.InvalidArgument, () => Checkpoint.Convert(Support.Tiny, Path.Combine(folder, "converted")));
        });
    }

    [Test]
    public static void TheProcessAndItsDevices()
    {
        Check.Equal(Library.Version, Library.BuildInfo["version"].Text);
        Check.That(Library.HasFeature("chat") && !Library.HasFeature("telepathy"), "features");
        var cpu = Device.All[0];
        Check.Equal(cpu.Id, "cpu");
        Check.Equal(Device.Parse("cpu").Index, 0);
        Check.That(cpu.TotalBytes > 1 << 20 && cpu.Threads > 0 && cpu.Name.Length > 0, cpu.ToString());
        Check.That(cpu.Memory.UsedBytes > 1 << 20, "memory");
        Library.SetThreads(cpu.Threads);
        cpu.Trim();
        Check.Fails(Status.InvalidArgument, () => Device.Parse("abacus"));
        Check.That(Model.TemplateNames.Contains("llava_v1"), "templates");
    }

    [Test]
    public static void ALoraAnswersAsItDoesForTheCommand()
    {
        var golden = Path.Combine(Support.Root, "tests", "checkpoints", "golden");
        string rows = Path.Combine(golden, "hf_rows"), lora = Path.Combine(golden, "lora_later");
        Support.NothingLeft(() =>
        {
            using (var model = Model.Load(rows, new LoadOptions { Template = "plain" }))
            using (var picture = Image.FromFile(Support.Dotted))
            using (var adapter = model.LoadAdapter(lora, new AdapterOptions { Name = "絵" }))
            {
                var plain = Said(model, picture, null);
                Check.Equal(plain, Command(rows, ""));
                var changed = Said(model, picture, "絵");
                Check.Equal(changed, Command(rows, "--adapter " + Support.Quote(lora)));
                Check.That(changed != plain, changed);
                model.Attach(adapter);
                Check.Equal(Said(model, picture, null), changed);
                Check.Equal(Said(model, picture, ""), plain);
                Check.Fails(Status.State, () => model.Attach(adapter));
                model.Detach();
                Check.Equal(Said(model, picture, null), plain);
                Support.InFolder(folder =>
                {
                    model.SaveMerged(adapter, Path.Combine(folder, "merged"), 1, new SaveOptions { Dtype = Dtype.F32 });
                    Check.Equal(Command(Path.Combine(folder, "merged"), ""), changed);
                });
            }
        });
    }

    /// <summary>Ids of a greedy answer about a picture.</summary>
    private static string Said(Model model, Image picture, string adapter)
    {
        using (var answer = model.Ask("hi", picture, new ChatOptions { Temperature = 0, MaxTokens = 8, Adapter = adapter }))
            return string.Join(" ", answer.Tokens);
    }

    /// <summary>The same of the command, which is C++.</summary>
    private static string Command(string model, string more)
    {
        int code;
        string errors;
        var output = Support.Output(Path.Combine(Support.Root, "build", "bin", "llava"), "chat " + Support.Quote(model) + " " + more +
            " --template plain --image " + Support.Quote(Support.Dotted) + " --prompt hi --temperature 0 --max-tokens 8 --json",
            out code, out errors);
        Check.Equal(code + errors, "0");
        return string.Join(" ", Json.Parse(output)["token_ids"].Select(id => id.Integer));
    }

    [Test]
    public static void AdaptersAreRefusedWithTheReason()
    {
        Support.InFolder(folder =>
        {
            Check.Throws<FileNotFoundException>(() => Support.Shared.LoadAdapter(Path.Combine(folder, "absent")));
            Check.Fails(Status.State, () => Support.Shared.Detach());
        });
    }

    [Test]
    public static void JsonIsReadStrictlyAndWrittenBack()
    {
        var read = Json.Parse("{\"a\": [1, -2.5e3, true, null, \"\\u732b 🦙\\n\"], \"b\": {}}");
        Check.Equal(read.ToString(), "{\"a\": [1, -2500, true, null, \"猫 🦙\\n\"], \"b\": {}}");
        Check.Equal(read["a"][1].Number, -2500.0);
        Check.Equal(read["a"][4].Text, "猫 🦙\n");
        Check.Equal(read["c"]["d"][3].Text + read["c"].Count, "0");
        Check.Equal(read.ToString(1).Split('\n')[1], " \"a\": [");
        Check.Equal(Json.Parse("9007199254740993").Integer, 9007199254740993L);
        foreach (var wrong in new[] { "", "{", "[1,]", "{\"a\" 1}", "nul", "01x", "\"a", "[1] 2", "{a: 1}", "\"\\u12\"", "1e999" })
            Check.Throws<FormatException>(() => Json.Parse(wrong));
        Check.Throws<ArgumentException>(() => Json.Of(double.NaN));
        Check.Throws<FormatException>(() => Json.Parse(new string('[', 100000)));
    }
}
