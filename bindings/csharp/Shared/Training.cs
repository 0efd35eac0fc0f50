// Whole stages in one call; events and figures of runs.
using System;
using System.Globalization;
using System.Threading;
using System.Threading.Tasks;
using Llava.Internal;

namespace Llava
{
    /// <summary>What happened in a run.</summary>
    public sealed class TrainEvent
    {
        internal TrainEvent(string json)
        {
            Fields = Json.Parse(json);
        }

        /// <summary>What kind: "start", "progress", "step", "estimate", "skipped", "diverged", "evaluation", "answer", "saved", "save_failed", "result" or "warning".</summary>
        public string Type { get { return Fields["event"].Text; } }

        /// <summary>Everything it tells: Fields["tokens_per_second"].Number.</summary>
        public Json Fields { get; private set; }

        /// <summary>Which step; 0 for events without one.</summary>
        public long Step { get { return Fields["step"].Integer; } }

        /// <summary>Of how many; 0 for events without it.</summary>
        public long Steps { get { return Fields["steps"].Integer; } }

        /// <summary>The loss of a step or an evaluation; 0 for other events.</summary>
        public double Loss { get { return Fields["loss"].Number; } }

        /// <summary>A line for people.</summary>
        public override string ToString()
        {
            return Type == "step" ? "step " + Step + " of " + Steps + ", loss " + Loss.ToString("0.000", CultureInfo.InvariantCulture) : Fields.ToString();
        }
    }

    /// <summary>Where a run stands; numbers of the last step are 0 before the first.</summary>
    public sealed class TrainMetrics
    {
        internal TrainMetrics(llava_train_metrics read)
        {
            Finished = read.finished != 0;
            Step = read.step;
            Steps = read.steps;
            Samples = read.samples;
            Tokens = read.tokens;
            Labels = read.labels;
            Loss = read.loss;
            Lr = read.lr;
            GradNorm = read.grad_norm;
            Seconds = read.seconds;
            EvalLoss = read.eval_loss < 0 ? (double?)null : read.eval_loss;
        }

        /// <summary>All steps are done and the result is written.</summary>
        public bool Finished { get; private set; }

        /// <summary>Steps done, those before a resume included.</summary>
        public long Step { get; private set; }

        /// <summary>Of the whole run.</summary>
        public long Steps { get; private set; }

        /// <summary>Of the last step.</summary>
        public long Samples { get; private set; }

        /// <summary>Positions of the last step.</summary>
        public long Tokens { get; private set; }

        /// <summary>Learned tokens of the last step.</summary>
        public long Labels { get; private set; }

        /// <summary>Of the last step, before its update.</summary>
        public double Loss { get; private set; }

        /// <summary>Of the last step.</summary>
        public double Lr { get; private set; }

        /// <summary>Of the last step, before clipping.</summary>
        public double GradNorm { get; private set; }

        /// <summary>Of the last step.</summary>
        public double Seconds { get; private set; }

        /// <summary>Of the last evaluation; null before the first.</summary>
        public double? EvalLoss { get; private set; }
    }

    /// <summary>Whole stages of training in one call; Trainer is a run step by step.</summary>
    public static class Training
    {
        /// <summary>What a run would do, before it does anything: reads every record and no weight, and writes nothing.</summary>
        public static Json Plan(string modelPath, TrainOptions options, Func<TrainEvent, bool> heard = null,
                                CancellationToken cancel = default(CancellationToken))
        {
            if (modelPath == null) throw new ArgumentNullException("modelPath");
            return Call(options, heard, cancel, (llava_train_options given, out ReportHandle made) =>
                Native.llava_train_plan(modelPath, given, out made));
        }

        /// <summary>
        /// Where the run in a folder stands, whoever works or worked on it: "state" is running, stopped, left, finished or
        /// interrupted; the rest is the report as it was written.
        /// </summary>
        public static Json Status(string outDir)
        {
            if (outDir == null) throw new ArgumentNullException("outDir");
            ReportHandle made;
            Native.llava_train_status(outDir, out made);
            return Take(made);
        }

        /// <summary>
        /// Trains a stage from a model's folder to the end, with options.Nproc processes of this machine. `heard` gets each
        /// event on this thread and answers whether to go on; what it throws ends the run and leaves this call. `cancel` lets the
        /// processes finish their step and save, `abandon` ends them at once.
        /// </summary>
        public static Json Launch(string modelPath, TrainOptions options, Func<TrainEvent, bool> heard = null,
                                  CancellationToken cancel = default(CancellationToken),
                                  CancellationToken abandon = default(CancellationToken))
        {
            if (modelPath == null) throw new ArgumentNullException("modelPath");
            return Call(options, heard, cancel, (llava_train_options given, out ReportHandle made) =>
                Native.llava_train_launch(modelPath, given, out made), abandon);
        }

        /// <summary>Launch() on a thread of its own, where `heard` gets the events.</summary>
        public static Task<Json> LaunchAsync(string modelPath, TrainOptions options, Func<TrainEvent, bool> heard = null,
                                             CancellationToken cancel = default(CancellationToken),
                                             CancellationToken abandon = default(CancellationToken))
        {
            return Task.Factory.StartNew(() => Launch(modelPath, options, heard, cancel, abandon), cancel,
                                         TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        /// <summary>
        /// The same from the checkpoint a model was loaded from. The model itself is not changed and may be used meanwhile.
        /// </summary>
        public static Json Stage(Model model, TrainOptions options, Func<TrainEvent, bool> heard = null,
                                 CancellationToken cancel = default(CancellationToken),
                                 CancellationToken abandon = default(CancellationToken))
        {
            if (model == null) throw new ArgumentNullException("model");
            return Call(options, heard, cancel, (llava_train_options given, out ReportHandle made) =>
                Native.llava_train_stage(model.Handle, given, out made), abandon);
        }

        /// <summary>Stage() on a thread of its own, where `heard` gets the events.</summary>
        public static Task<Json> StageAsync(Model model, TrainOptions options, Func<TrainEvent, bool> heard = null,
                                            CancellationToken cancel = default(CancellationToken))
        {
            return Task.Factory.StartNew(() => Stage(model, options, heard, cancel), cancel,
                                         TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        /// <summary>Copies a report of the library and frees it.</summary>
        internal static Json Take(ReportHandle report)
        {
            try
            {
                return Json.Parse(Native.llava_report_json(report));
            }
            finally
            {
                report.Drop();
            }
        }

        private delegate void ReportCall(llava_train_options given, out ReportHandle made);

        private static Json Call(TrainOptions options, Func<TrainEvent, bool> heard, CancellationToken cancel,
                                 ReportCall call, CancellationToken abandon = default(CancellationToken))
        {
            if (options == null) throw new ArgumentNullException("options");
            var callback = Callback.Of(heard);
            ReportHandle made = null;
            using (var atOnce = new CancelScope(abandon))
            using (var scope = new CancelScope(cancel)) // the inner one: an OperationCanceledException has this token
            using (var given = Fields.Fill<llava_train_options>(options))
            {
                given.cancel = scope.Handle;
                given.abandon = atOnce.Handle;
                Callback.Set(given, callback);
                Callback.During(callback, () => call(given, out made));
            }
            return Take(made);
        }
    }
}
