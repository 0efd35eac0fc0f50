// Threads: two on two sessions, two on one; tasks.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Llava;

public static class ThreadsTest
{
    [Test]
    public static void TwoThreadsOnTwoSessionsAnswerAsOneDoes()
    {
        int[] expected;
        using (var answer = Support.Shared.Ask("hi", null, Support.Long())) expected = answer.Tokens;
        var tasks = Enumerable.Range(0, 2).Select(unused => Task.Run(() =>
        {
            using (var session = Support.Shared.CreateSession())
            using (var answer = session.Chat("hi", null, Support.Long()))
                return answer.Tokens;
        })).ToArray();
        foreach (var task in tasks) Check.Equal(task.Result, expected);
    }

    [Test]
    public static void TheSecondThreadOnOneSessionGetsBusy()
    {
        using (var session = Support.Shared.CreateSession())
        {
            var task = session.ChatAsync("hi", null, Support.Long());
            while (session.TurnCount >= 0 && !task.IsCompleted) Thread.Yield();
            var busy = (LlavaException)Check.Fails(Status.Busy, () => session.Chat("ho"));
            Check.That(StatusNames.IsRetryable(busy.Code), "worth another try");
            Check.That(session.Stats != null && session.ToString().StartsWith("Session"), "figures may be asked for meanwhile");
            task.Result.Dispose();
            session.Chat("hi", null, Support.Greedy(1)).Dispose();
        }
    }

    [Test]
    public static void ASessionIsBusyWhileItsStreamRuns()
    {
        using (var session = Support.Shared.CreateSession())
        {
            var stream = session.Stream("hi", null, Support.Long());
            stream.Next();
            foreach (var call in new Action[] { () => session.Chat("x"), () => session.Rewind(0), () => session.Fork(), session.Reset })
                Check.Fails(Status.Busy, call);
            stream.Dispose();
            session.Chat("hi", null, Support.Greedy(1)).Dispose();
        }
    }

    [Test]
    public static void TheSecondThreadOnOneStreamGetsBusyOrItsShare()
    {
        using (var session = Support.Shared.CreateSession())
        using (var stream = session.Stream("hi", null, Support.Long()))
        {
            var events = new List<Event>();
            var tasks = Enumerable.Range(0, 2).Select(unused => Task.Run(() => Pull(stream, events))).ToArray();
            Task.WaitAll(tasks);
            Check.Equal(events.Count(each => each.Token.HasValue), 400);
            Check.Equal(events.Where(each => each.Token.HasValue).Select(each => each.Index).Distinct().Count(), 400);
        }
    }

    [Test]
    public static void ATaskThatIsCancelledLeavesTheSession()
    {
        using (var session = Support.Shared.CreateSession())
        using (var source = new CancellationTokenSource())
        {
            var begun = new ManualResetEventSlim();
            var task = session.ChatAsync(Message.User("hi").Kept(), each => begun.Set(), Support.Long(), source.Token);
            begun.Wait();
            source.Cancel();
            Check.That(Check.Throws<AggregateException>(() => task.Wait()).InnerException is OperationCanceledException, "cancelled");
            Check.That(task.IsCanceled, "the task says so");
            Check.Equal(session.TurnCount, 0);
            var late = session.ChatAsync("hi", null, null, source.Token);
            Check.Throws<AggregateException>(() => late.Wait()); // at once or as soon as the pool looks at it
            Check.That(late.IsCanceled, "a used token");
            Check.Equal(session.TurnCount, 0);
            Tests.DropKept();
        }
    }

    [Test]
    public static void ATokenThatIsCancelledBeforeEndsTheAnswer()
    {
        using (var session = Support.Shared.CreateSession())
        using (var source = new CancellationTokenSource())
        {
            source.Cancel();
            var stream = session.Stream("hi", null, Support.Long());
            stream.Next();
            var next = stream.NextAsync(source.Token);
            Check.Throws<AggregateException>(() => next.Wait());
            Check.That(next.IsCanceled, "the task says so");
            Check.Equal(session.TurnCount, 0); // free, and as it was
            stream.Dispose();
            var kept = Support.Long();
            kept.KeepOnCancel = true;
            using (var other = session.Stream("hi", null, kept))
            {
                while (!other.Next().Token.HasValue) // until then there is nothing to keep
                {
                }
                while (other.NextAsync(source.Token).Result != null)
                {
                }
                Check.Equal(other.Response.FinishReason, FinishReason.Cancelled);
                other.Response.Dispose();
            }
            Check.Equal(session.TurnCount, 2);
        }
    }

    [Test]
    public static void EventsAreAwaited()
    {
        using (var session = Support.Shared.CreateSession())
        using (var image = Image.FromFile(Support.Dotted))
        {
            Check.Equal(Words(session, image).Result, "four");
            Check.Equal(Library.LiveObjects["stream"].Integer, 0L);
            var task = session.ChatAsync(Message.User("hi").Kept(), each => { throw new DivideByZeroException("mine"); });
            Check.Equal(Check.Throws<AggregateException>(() => task.Wait()).InnerException.Message, "mine");
            Check.Equal(session.TurnCount, 2);
            Tests.DropKept();
        }
    }

    [Test]
    public static void ModelsAreAwaited()
    {
        var phases = new List<string>();
        using (var model = Model.LoadAsync(Support.Tiny, null, new Heard(told => phases.Add(told.Phase))).Result)
        using (var answer = model.AskAsync("hi", null, Support.Greedy(1)).Result)
            Check.Equal(answer.Tokens.Length, 1);
        Check.Equal(phases.Distinct(), new[] { "weights", "warm-up" });
    }

    private static async Task<string> Words(Session session, Image image)
    {
        var text = "";
        using (var stream = session.Stream(Support.HowMany, image))
        {
            Event next;
            while ((next = await stream.NextAsync()) != null) text += next;
            Check.Equal(stream.Response.Text, text);
            stream.Response.Dispose();
        }
        return text;
    }

    private static void Pull(Stream stream, List<Event> events)
    {
        while (true)
        {
            try
            {
                var next = stream.Next();
                if (next == null) return;
                lock (events) events.Add(next);
            }
            catch (LlavaException failure)
            {
                if (failure.Code != Status.Busy) throw;
                Thread.Yield();
            }
        }
    }
}

/// <summary>Progress heard at once, on the thread that tells it.</summary>
public sealed class Heard : IProgress<LoadProgress>
{
    private readonly Action<LoadProgress> heard;

    public Heard(Action<LoadProgress> heard)
    {
        this.heard = heard;
    }

    public void Report(LoadProgress value)
    {
        heard(value);
    }
}
