// Visual instruction tuning: a run that its caller steps, watches and stops.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Llava.Internal;

namespace Llava
{
    /// <summary>
    /// A run that is stepped by its caller: foreach over it trains and hands out events, step by step, until it is through.
    /// Run() trains without, on its own thread or another; Watch() then gives the events to whoever looks. Whatever interrupts
    /// a run, the same options go on where its last snapshot stands.
    ///
    /// Dispose() before the end saves the steps that no snapshot has, so that leaving a using block by break or by an exception
    /// of the program's own loses none; after a failure of the library itself the last snapshot stays as it was. What keeps
    /// the steps from being saved is thrown when everything is freed. A run in another thread finishes its step, saves and returns.
    /// </summary>
    public sealed partial class Trainer : LlavaObject, IEnumerable<TrainEvent>
    {
        private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);
        private readonly CancelScope scope;
        private readonly bool alone;
        private readonly long opened; // the step it went on from
        private volatile bool stopping;
        private volatile bool failed;

        /// <summary>
        /// Opens a run: settings, data, model and folder are checked, and a snapshot is read where it goes on. `modelPath` is
        /// the folder of the checkpoint to start from; `cancel` is looked at until the trainer is disposed.
        /// </summary>
        public Trainer(string modelPath, TrainOptions options, CancellationToken cancel = default(CancellationToken))
            : this(Create(modelPath, options, new CancelScope(cancel)))
        {
            OutDir = options.OutDir;
            alone = (options.Nproc ?? 1) == 1; // what several save they save together
            opened = Metrics.Step;
        }

        private Trainer(KeyValuePair<TrainerHandle, CancelScope> made) : base(made.Key)
        {
            scope = made.Value;
        }

        private TrainerHandle Handle
        {
            get { return (TrainerHandle)Open(); }
        }

        /// <summary>Where the run and its result lie.</summary>
        public string OutDir { get; private set; }

        /// <summary>Where the run stands. From any thread.</summary>
        public TrainMetrics Metrics
        {
            get
            {
                using (var read = new llava_train_metrics())
                {
                    Native.llava_trainer_metrics(Handle, read);
                    return new TrainMetrics(read);
                }
            }
        }

        /// <summary>
        /// Trains on this thread for at most so many steps; not given: to the end. True when the run is through, false also
        /// after Stop().
        /// </summary>
        public bool Run(long steps = long.MaxValue)
        {
            var ended = Go(steps);
            stopping = false;
            return ended;
        }

        private bool Go(long steps)
        {
            failed = true;
            bool ended;
            using (new Running(Handle)) ended = Native.llava_trainer_run(Handle, steps) == (int)Status.End;
            failed = false;
            return ended;
        }

        /// <summary>Run() on a thread of its own.</summary>
        public Task<bool> RunAsync(long steps = long.MaxValue)
        {
            return Task.Factory.StartNew(() => Run(steps), CancellationToken.None, TaskCreationOptions.LongRunning,
                                         TaskScheduler.Default);
        }

        /// <summary>
        /// Trains, and hands out what happens, until the run is through or Stop() is called. Leaving it early keeps the run: a
        /// later one goes on.
        /// </summary>
        public IEnumerator<TrainEvent> GetEnumerator()
        {
            var stopped = false;
            while (true)
            {
                TrainEvent told;
                bool ended;
                if (TryNextEvent(TimeSpan.Zero, out told, out ended))
                {
                    yield return told;
                    continue;
                }
                if (ended || stopped)
                {
                    stopping = false;
                    yield break;
                }
                stopped = stopping; // asked for since the last call began: this one saves and returns
                Go(1);
            }
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        /// <summary>The events of a run that another thread is in, RunAsync() for example, until it is through.</summary>
        public IEnumerable<TrainEvent> Watch(CancellationToken cancel = default(CancellationToken))
        {
            TrainEvent told;
            while ((told = NextEvent(cancel)) != null) yield return told;
        }

        /// <summary>Waits for the next event; null when the run is through and all were pulled.</summary>
        public TrainEvent NextEvent(CancellationToken cancel = default(CancellationToken))
        {
            TrainEvent told;
            bool ended;
            while (!TryNextEvent(Slice, out told, out ended)) // so that Dispose() need not wait for an event
            {
                if (ended) return null;
                cancel.ThrowIfCancellationRequested();
            }
            return told;
        }

        /// <summary>The next event within a time; false when none came, or when all were pulled and the run is through.</summary>
        public bool TryNextEvent(TimeSpan timeout, out TrainEvent told, out bool ended)
        {
            string json;
            var status = Native.llava_trainer_next_event(Handle, (long)Math.Ceiling(timeout.TotalMilliseconds), out json);
            ended = status == (int)Status.End;
            told = status == (int)Status.Ok ? new TrainEvent(json) : null;
            return told != null;
        }

        /// <summary>
        /// Asks Run() or a foreach to finish its step, save and return; without one, the next returns at once. Any thread.
        /// </summary>
        public void Stop()
        {
            stopping = true;
            Native.llava_trainer_request_stop(Handle);
        }

        /// <summary>Holds the run between two steps, or with false lets it go on. Any thread.</summary>
        public void Pause(bool on = true)
        {
            Native.llava_trainer_pause(Handle, on ? 1 : 0);
        }

        /// <summary>Saves a snapshot of this moment below OutDir/checkpoints.</summary>
        public void Save()
        {
            using (new Running(Handle)) Native.llava_trainer_save(Handle);
        }

        /// <summary>The mean loss over all learned tokens of EvalData.</summary>
        public double Evaluate()
        {
            double loss;
            using (new Running(Handle)) Native.llava_trainer_evaluate(Handle, out loss);
            return loss;
        }

        /// <summary>What is known of the run so far: "step", "samples", "first_loss", "last_loss", "settings" and more.</summary>
        public Json Report()
        {
            ReportHandle made;
            Native.llava_trainer_report(Handle, out made);
            return Training.Take(made);
        }

        internal override void Ending()
        {
            try
            {
                if (IsDisposed) return;
                SaveSteps();
                Native.llava_trainer_request_stop(Handle);
                Native.llava_trainer_pause(Handle, 0); // what is held would never hear of it
            }
            catch (ObjectDisposedException)
            {
                // another thread was first
            }
            finally
            {
                scope.Dispose();
            }
        }

        private void SaveSteps()
        {
            if (!alone || failed) return;
            try
            {
                var metrics = Metrics;
                if (!metrics.Finished && metrics.Step > opened) Save();
            }
            catch (LlavaException failure)
            {
                if (failure.Code != Status.Busy) throw; // else the thread that is in it saves
            }
        }

        private static KeyValuePair<TrainerHandle, CancelScope> Create(string modelPath, TrainOptions options,
                                                                       CancelScope scope)
        {
            try
            {
                if (modelPath == null) throw new ArgumentNullException("modelPath");
                if (options == null) throw new ArgumentNullException("options");
                TrainerHandle made;
                using (var given = Fields.Fill<llava_train_options>(options))
                {
                    given.cancel = scope.Handle;
                    Native.llava_trainer_create(modelPath, given, out made);
                }
                scope.Leave();
                return new KeyValuePair<TrainerHandle, CancelScope>(made, scope);
            }
            catch
            {
                scope.Dispose();
                throw;
            }
        }
    }
}
