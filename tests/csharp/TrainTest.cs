// Training: a run step by step with live events, watched, stopped, gone on with; data looked at before.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Llava;

public static class TrainTest
{
    [Test]
    public static void ARunOfTenStepsHandsOutItsEventsLive()
    {
        Support.NothingLeft(() => Support.InFolder(folder =>
        {
            var options = Options(folder, 10);
            using (var trainer = new Trainer(Support.Scenes, options))
            {
                var steps = new List<long>();
                foreach (var told in trainer)
                {
                    if (told.Type != "step") continue;
                    steps.Add(told.Step);
                    Check.Equal(trainer.Metrics.Step, told.Step); // it is told when it has happened, not at the end
                    Check.That(told.Loss > 0 && told.Steps == 10 && told.ToString().StartsWith("step "), told.ToString());
                }
                Check.Equal(steps, Enumerable.Range(1, 10).Select(step => (long)step));
                Check.That(trainer.Metrics.Finished && trainer.Metrics.EvalLoss == null, "through");
                Check.Equal(trainer.Report()["steps"].Integer, 10L);
            }
            using (var tuned = Model.Load(options.OutDir))
            using (var answer = tuned.Ask("hi", null, Support.Greedy(1)))
                Check.Equal(answer.Tokens.Length, 1);
        }));
    }

    [Test]
    public static void AnotherThreadWatchesPausesAndStops()
    {
        Support.NothingLeft(() => Support.InFolder(folder =>
        {
            var options = Options(folder, 6);
            using (var trainer = new Trainer(Support.Scenes, options))
            {
                trainer.Pause();
                var run = trainer.RunAsync();
                Check.That(!run.Wait(50) && trainer.Metrics.Step == 0, "held");
                trainer.Pause(false);
                foreach (var told in trainer.Watch())
                {
                    if (told.Type != "step") continue;
                    trainer.Stop();
                    break;
                }
                Check.Equal(run.Result, false);
                Check.That(trainer.Metrics.Step < 6, "stopped early");
            }
            using (var trainer = new Trainer(Support.Scenes, options)) // goes on where it stopped
            {
                var step = trainer.Metrics.Step;
                Check.That(step > 0, "from a snapshot");
                foreach (var told in trainer)
                    if (told.Type == "step") trainer.Stop();
                Check.Equal(trainer.Metrics.Step, step + 1);
                Check.Equal(trainer.Run(), true);
                Check.Equal(trainer.Watch().Count(told => told.Type == "result"), 1);
                Check.Equal(trainer.NextEvent(), null);
            }
        }));
    }

    [Test]
    public static void DisposingATrainerEndsItsRunAndItsWatchers()
    {
        Support.NothingLeft(() => Support.InFolder(folder =>
        {
            var trainer = new Trainer(Support.Scenes, Options(folder, 1000));
            var run = trainer.RunAsync();
            var watch = Task.Run(() => trainer.Watch().Count());
            while (trainer.Metrics.Step == 0) Thread.Sleep(1);
            trainer.Dispose();
            trainer.Dispose();
            Check.That(run.IsCompleted || run.Wait(5000), "the run has ended");
            Check.Throws<AggregateException>(() => watch.Wait(5000));
            Check.That(watch.Exception.InnerException is ObjectDisposedException, "" + watch.Exception);
            Check.Throws<ObjectDisposedException>(() => trainer.Run(1));
            Check.That(Directory.GetDirectories(Path.Combine(folder, "out", "checkpoints")).Length > 0, "a snapshot was saved");
        }));
    }

    [Test]
    public static void LeavingALoopEarlySavesItsSteps()
    {
        Support.NothingLeft(() => Support.InFolder(folder =>
        {
            var options = Options(folder, 1000);
            var saved = Path.Combine(folder, "out", "checkpoints");
            using (new Trainer(Support.Scenes, options)) // no step, nothing to save
            {
            }
            Check.Equal(Directory.Exists(saved) ? Directory.GetDirectories(saved).Length : 0, 0);
            using (var trainer = new Trainer(Support.Scenes, options))
                foreach (var told in trainer)
                    if (told.Step == 2) break;
            Check.Equal(Directory.GetDirectories(saved).Select(Path.GetFileName), new[] { "step-00000002" });
            Check.Throws<DivideByZeroException>(() =>
            {
                using (var trainer = new Trainer(Support.Scenes, options))
                {
                    Check.Equal(trainer.Metrics.Step, 2L);
                    trainer.Run(1);
                    throw new DivideByZeroException();
                }
            });
            Check.That(Directory.Exists(Path.Combine(saved, "step-00000003")), "an exception of the program's own");
            using (var source = new CancellationTokenSource())
            using (var trainer = new Trainer(Support.Scenes, options, source.Token))
            {
                trainer.Run(1);
                source.Cancel();
                Check.Throws<OperationCanceledException>(() => trainer.Run());
            }
            Check.That(!Directory.Exists(Path.Combine(saved, "step-00000004")), "the library failed");
            var lost = new Trainer(Support.Scenes, options);
            lost.Run(1);
            Directory.Delete(Path.Combine(folder, "out"), true);
            File.WriteAllText(Path.Combine(folder, "out"), "a file where the folder was");
            Check.That(Check.Throws<Exception>(lost.Dispose) is ILlavaFailure && lost.IsDisposed, "told, and freed");
        }));
    }

    [Test]
    public static void AWholeStageIsHeardOnTheCallingThread()
    {
        Support.NothingLeft(() => Support.InFolder(folder =>
        {
            var thread = Thread.CurrentThread;
            var types = new List<string>();
            var report = Training.Stage(Support.Shared, Options(folder, 2), told =>
            {
                Check.Equal(Thread.CurrentThread, thread);
                types.Add(told.Type);
                return true;
            });
            Check.Equal(report["steps"].Integer, 2L);
            Check.Equal(Training.Status(Path.Combine(folder, "out"))["state"].Text, "finished");
            Check.That(types.Contains("start") && types.Count(type => type == "step") == 2, string.Join(" ", types));
            var mine = new DivideByZeroException("mine");
            Check.That(Check.Throws<DivideByZeroException>(() => Training.Stage(Support.Shared, Options(folder + "/b", 2),
                told => { throw mine; })) == mine, "what is thrown comes out");
            using (var source = new CancellationTokenSource())
                Check.Throws<OperationCanceledException>(() => Training.Stage(Support.Shared, Options(folder + "/c", 2),
                    told => { source.Cancel(); return true; }, source.Token));
        }));
    }

    [Test]
    public static void SeveralProcessesTrainTogether()
    {
        Support.InFolder(folder =>
        {
            var options = Options(folder, 2);
            var steps = 0;
            options.Nproc = 2;
            options.MicroBatch = 1;
            options.RankProgram = Path.Combine(Support.Root, "build", "libexec", "llava", "llava-rank");
            var report = Training.Launch(Support.Scenes, options, told => (steps += told.Type == "step" ? 1 : 0) >= 0);
            Check.Equal(report["steps"].Integer + steps, 4L);
            options = Options(Path.Combine(folder, "endless"), 100000);
            options.Nproc = 2;
            options.MicroBatch = 1;
            options.RankProgram = Path.Combine(Support.Root, "build", "libexec", "llava", "llava-rank");
            using (var source = new CancellationTokenSource())
                Check.Contains(Check.Throws<OperationCanceledException>(() => Training.Launch(Support.Scenes, options, told =>
                {
                    if (told.Type == "step") source.Cancel();
                    return true;
                }, default(CancellationToken), source.Token)).Message, "ended at once");
            Check.That(!Directory.Exists(Path.Combine(options.OutDir, "checkpoints", "step-00000001")), "nothing was saved");
        });
    }

    [Test]
    public static void DataAreReadLookedAtAndPlannedFor()
    {
        Support.InFolder(folder =>
        {
            var options = Options(folder, 2);
            var data = new Dataset(options.Data);
            var records = data.ToList();
            Check.Equal(records.Count, 4);
            Check.Equal(records[3].Id, "3 🦙");
            Check.Equal(Path.GetFileName(records[0].ImagePaths[0]), "絵 0.png");
            Check.Equal(records[0].Turns[0]["from"].Text, "human");
            var phases = new List<string>();
            var report = data.Check(Support.Scenes, null, new Heard(told => phases.Add(told.Phase)));
            Check.Equal(report["usable"].Integer, 4L);
            Check.That(phases.All(phase => phase == "index" || phase == "check"), string.Join(" ", phases)); // told now and then
            File.WriteAllText(Path.Combine(folder, "lines.jsonl"), string.Join("\n", records.Select(each => each.Fields.ToString())));
            Check.Equal(new Dataset(Path.Combine(folder, "lines.jsonl")).Select(each => each.Id), records.Select(each => each.Id));
            File.WriteAllText(Path.Combine(folder, "bad.json"), "[{\"id\": \"1\"} {}]");
            Check.Throws<FormatException>(() => new Dataset(Path.Combine(folder, "bad.json")).Count());
            var plan = Training.Plan(Support.Scenes, options);
            Check.Equal(plan["steps"].Integer, 2L);
            Check.That(plan["memory"]["total"].Integer > 0, plan.ToString());
            options.Data = Path.Combine(folder, "absent.json");
            Check.Throws<FileNotFoundException>(() => new Trainer(Support.Scenes, options));
            options.Data = null;
            Check.Fails(Status.InvalidArgument, () => new Trainer(Support.Scenes, options));
        });
    }

    /// <summary>Four records with pictures in a folder, and a short run on them.</summary>
    private static TrainOptions Options(string folder, int steps)
    {
        Directory.CreateDirectory(folder);
        for (var index = 0; index < 4; ++index) File.Copy(Support.Dotted, Path.Combine(folder, "絵 " + index + ".png"));
        var records = Enumerable.Range(0, 4).Select(index => new Dictionary<string, object>
        {
            { "id", index == 3 ? "3 🦙" : index.ToString() }, { "image", "絵 " + index + ".png" },
            { "conversations", new[]
                {
                    new Dictionary<string, object> { { "from", "human" }, { "value", "<image>\nHow many shapes are there?" } },
                    new Dictionary<string, object> { { "from", "gpt" }, { "value", "four" } }
                } }
        });
        var data = Path.Combine(folder, "data.json");
        File.WriteAllText(data, Json.Of(records).ToString());
        return new TrainOptions
        {
            Stage = 1, Data = data, OutDir = Path.Combine(folder, "out"), Batch = 2, MicroBatch = 2, Steps = steps, Lr = 1e-4
        };
    }
}
