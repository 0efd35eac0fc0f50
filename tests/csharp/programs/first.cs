// A program whose first call of the library is the one that is named; without a name, the names. "version" prints the version.
using System;
using System.Collections.Generic;
using System.IO;
using Llava;

public static class First
{
    private const string NoFile = "/absent";

    private static readonly Dictionary<string, Action> Calls = new Dictionary<string, Action>
    {
        { "build-info", () => Console.Write(Library.BuildInfo["no such"].Text) },
        { "live-objects", () => Console.Write(Library.LiveObjects["no such"].Text) },
        { "feature", () => Library.HasFeature("chat") },
        { "threads", () => Library.SetThreads(1) },
        { "shutdown", Library.Shutdown },
        { "devices", () => Console.Write(Device.All[0].Id.Substring(3)) },
        { "device", () => Device.Parse("cpu") },
        { "status-name", () => StatusNames.Of(Status.Busy) },
        { "retryable", () => StatusNames.IsRetryable(Status.Busy) },
        { "finish-name", () => FinishReasonNames.Of(FinishReason.Stop) },
        { "templates", () => Console.Write(Model.TemplateNames.Count > 0 ? "" : "none") },
        { "log-level", () => Log.Level = LogLevel.Off },
        { "log", () => Log.Drain() },
        { "message", () => Message.User("hi").Dispose() },
        { "message-json", () => Message.FromJson("{\"role\": \"user\", \"content\": \"hi\"}").Dispose() },
        { "tensor", () => Tensor.Of(new float[4], 2, 2).Dispose() },
        { "pixels", () => Image.FromPixels(new byte[12], 2, 2, PixelFormat.Rgb24).Dispose() },
        { "probe", () => Fails(() => Image.Probe(new byte[4])) },
        { "bytes", () => Fails(() => Image.FromBytes(new byte[4])) },
        { "file", () => Fails(() => Image.FromFile(NoFile)) },
        { "uri", () => Fails(() => Image.FromDataUri(NoFile)) },
        { "load", () => Fails(() => Model.Load(NoFile)) },
        { "checkpoint", () => Fails(() => Checkpoint.Plan(NoFile)) },
        { "convert", () => Fails(() => Checkpoint.Convert(NoFile, NoFile)) },
        { "merge-delta", () => Fails(() => Checkpoint.MergeDelta(NoFile, NoFile, NoFile)) },
        { "plan", () => Fails(() => Training.Plan(NoFile, new TrainOptions())) },
        { "launch", () => Fails(() => Training.Launch(NoFile, new TrainOptions())) },
        { "trainer", () => Fails(() => new Trainer(NoFile, new TrainOptions())) },
        { "dataset", () => Fails(() => new Dataset(typeof(First).Assembly.Location).Check(NoFile)) }
    };

    public static int Main(string[] arguments)
    {
        try
        {
            if (arguments.Length == 0) Console.WriteLine(string.Join("\n", Calls.Keys));
            else if (arguments[0] == "version") Console.WriteLine(Library.Version);
            else Calls[arguments[0]]();
            if (arguments.Length > 0 && arguments[0] != "version") Console.WriteLine("done");
            return 0;
        }
        catch (DllNotFoundException failure)
        {
            Console.Error.WriteLine(failure.Message);
            return 1;
        }
    }

    private static void Fails(Action call)
    {
        try
        {
            call();
        }
        catch (Exception failure)
        {
            if (!(failure is ILlavaFailure)) throw;
        }
    }
}
