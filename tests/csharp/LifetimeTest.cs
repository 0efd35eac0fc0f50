// Objects and their ends: any order, twice, too early, from another thread, never.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using Llava;

public static class LifetimeTest
{
    [Test]
    public static void EveryOrderOfDisposingIsRight()
    {
        Support.NothingLeft(() =>
        {
            foreach (var order in Orders(new List<int> { 0, 1, 2, 3, 4 }))
            {
                var model = Model.Load(Support.Tiny);
                var session = model.CreateSession();
                var image = Image.FromFile(Support.Dotted);
                var embedding = model.Encode(image);
                var stream = session.Stream(Message.User(embedding, "hi").Kept(), new ChatOptions { MaxTokens = 2 });
                stream.Next();
                var objects = new LlavaObject[] { model, session, embedding, stream, image };
                foreach (var index in order)
                {
                    objects[index].Dispose();
                    objects[index].Dispose(); // a second time does nothing
                    Check.That(objects[index].IsDisposed, "it is disposed");
                }
                Tests.DropKept();
            }
        });
    }

    [Test]
    public static void UseAfterDisposeIsAnObjectDisposedException()
    {
        Support.NothingLeft(() =>
        {
            var model = Support.Shared;
            var image = Image.FromFile(Support.Dotted);
            var session = model.CreateSession();
            var embedding = model.Encode(image);
            var message = Message.User("hi");
            var decoder = new Decoder(model);
            var stream = session.Stream("hi", null, new ChatOptions { MaxTokens = 1 });
            var answer = model.Ask("hi", null, new ChatOptions { MaxTokens = 1 });
            var tensor = embedding.Tensor();
            foreach (var each in new LlavaObject[] { image, embedding, message, decoder, stream, answer, session, tensor })
                each.Dispose();
            var uses = new Action[]
            {
                () => image.Pixels(), () => { var unused = image.Width; }, () => embedding.ToArray(), () => message.Add("x"),
                () => { var unused = message.Text; }, () => decoder.Push(1), () => stream.Next(), () => stream.Cancel(),
                () => stream.Finish(), () => { var unused = answer.Text; }, () => session.Chat("hi"),
                () => { var unused = session.Stats; }, () => session.Fork(), () => tensor.ToArray(),
                () => model.Ask("hi", image), () => model.Encode(image), () => Message.User(image, "hi"),
                () => model.Encode(new[] { image }), () => model.CountTokens(message), () => model.Ask(message)
            };
            foreach (var use in uses) Check.Throws<ObjectDisposedException>(use);
            var other = Model.Load(Support.Tiny);
            other.Dispose();
            Check.Contains(Check.Throws<ObjectDisposedException>(() => other.CreateSession()).Message, "Model");
            Check.Equal(other.ToString(), "Model (disposed)");
        });
    }

    [Test]
    public static void ChildrenOutliveTheirParents()
    {
        Support.NothingLeft(() =>
        {
            var model = Model.Load(Support.Scenes);
            var session = model.CreateSession();
            var image = Image.FromFile(Support.Dotted);
            var embedding = model.Encode(image);
            var tensor = embedding.Tensor();
            var first = tensor.ToArray();
            model.Dispose();
            embedding.Dispose();
            using (var answer = session.Chat(Support.HowMany, image)) Check.Equal(answer.Text, "four");
            image.Dispose();
            Check.Equal(tensor.ToArray(), first);
            tensor.Dispose();
            session.Dispose();
        });
    }

    [Test]
    public static void DisposingASessionWaitsForTheCallUnderWay()
    {
        Support.NothingLeft(() =>
        {
            var session = Support.Shared.CreateSession();
            Response answer = null;
            Exception failure = null;
            var thread = new Thread(() =>
            {
                try
                {
                    answer = session.Chat("hi", null, Support.Long());
                }
                catch (Exception caught)
                {
                    failure = caught;
                }
            });
            thread.Start();
            while (session.TurnCount >= 0 && thread.IsAlive) Thread.Yield(); // -1 once it is at work
            session.Dispose();
            Check.Throws<ObjectDisposedException>(() => session.Chat("hi"));
            thread.Join();
            Check.That(failure == null, "the call under way went on: " + failure);
            Check.Equal(answer.Tokens.Length, 400);
            answer.Dispose();
        });
    }

    [Test]
    public static void DisposingAStreamCancelsItAndFreesTheSession()
    {
        Support.NothingLeft(() =>
        {
            using (var session = Support.Shared.CreateSession())
            {
                var stream = session.Stream("hi", null, Support.Long());
                Exception failure = null;
                var begun = new ManualResetEventSlim();
                var thread = new Thread(() =>
                {
                    try
                    {
                        while (stream.Next() != null) begun.Set();
                    }
                    catch (Exception caught)
                    {
                        failure = caught;
                    }
                });
                thread.Start();
                begun.Wait();
                stream.Dispose();
                thread.Join();
                Check.That(failure is OperationCanceledException || failure is ObjectDisposedException, "cancelled: " + failure);
                Check.Equal(session.TurnCount, 0);
                session.Chat("hi", null, Support.Greedy(1)).Dispose();
            }
        });
    }

    [Test]
    public static void LeavingAForeachEarlyFreesTheSession()
    {
        Support.NothingLeft(() =>
        {
            using (var session = Support.Shared.CreateSession())
            {
                foreach (var each in session.Stream("hi", null, Support.Long()))
                    if (each.Type == EventType.Text) break;
                Check.Throws<DivideByZeroException>(() =>
                {
                    foreach (var each in session.Stream("hi", null, Support.Long()))
                        if (each.Index == 5) Console.Write(1 / (each.Index - 5));
                });
                Check.Equal(session.TurnCount, 0);
                session.Chat("hi", null, Support.Greedy(1)).Dispose();
            }
        });
    }

    [Test]
    public static void WhatIsNeverDisposedIsFreedWithALine()
    {
        Support.NothingLeft(() =>
        {
            Log.Level = LogLevel.Warning;
            try
            {
                var thread = new Thread(Abandon); // its stack is gone afterwards, and with it what looks like a reference
                thread.Start();
                thread.Join();
                var before = Library.LiveObjects["image"].Integer;
                for (var tries = 0; tries < 100 && Library.LiveObjects["image"].Integer > 0; ++tries)
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    Thread.Sleep(5);
                }
                Check.That(before >= 1, "there was one");
                Check.That(Log.Drain().Any(line => line.Level == LogLevel.Warning && line.Message.EndsWith("freed it: Image")),
                           "a line tells");
            }
            finally
            {
                Log.Level = LogLevel.Off;
            }
        });
    }

    [Test]
    public static void NothingLeaks()
    {
        using (var model = Model.Load(Support.Tiny))
        {
            for (var index = 0; index < 20; ++index) OneRound(model, index);
            Settle();
            var objects = Library.LiveObjects.ToString();
            var memory = Support.ResidentBytes();
            for (var index = 0; index < Support.Rounds; ++index) OneRound(model, index);
            Settle();
            Check.Equal(Library.LiveObjects.ToString(), objects);
            var grown = Support.ResidentBytes() - memory;
            Check.That(grown < 8 << 20, "memory grew by " + grown + " bytes");
        }
    }

    [Test]
    public static void ModelsDoNotLeak()
    {
        for (var index = 0; index < 3; ++index) Model.Load(Support.Tiny).Dispose();
        Settle();
        var objects = Library.LiveObjects.ToString();
        var memory = Support.ResidentBytes();
        for (var index = 0; index < Support.Rounds / 5; ++index)
            using (var model = Model.Load(Support.Tiny)) model.CreateSession().Dispose();
        Settle();
        Check.Equal(Library.LiveObjects.ToString(), objects);
        Check.That(Support.ResidentBytes() - memory < 8 << 20, "memory stays");
    }

    [Test]
    public static void TheProcessEndsQuietly()
    {
        foreach (var way in Ways.All)
        {
            int code;
            string errors;
            var output = Support.Output("mono", Support.Quote(typeof(Runner).Assembly.Location) + " --way " + way, out code, out errors);
            Check.Equal(way + ": " + code + output + errors, way + ": 0");
        }
    }

    /// <summary>Ten calls, a failure now and then.</summary>
    private static void OneRound(Model model, int index)
    {
        using (var session = model.CreateSession())
        using (var image = Image.FromFile(Support.Dotted))
        using (var embedding = model.Encode(image))
        using (var message = Message.User(embedding, "hi"))
        {
            foreach (var each in session.Stream("hi", image, Support.Greedy(2)).Kept()) Check.That(each.Text != null, "a text");
            Tests.DropKept();
            using (var answer = session.Chat(message, Support.Greedy(2))) Check.That(answer.Tokens.Length > 0, "tokens");
            using (var tensor = model.Forward(new[] { 1, 5 }, null, new ForwardOptions { LastOnly = true })) tensor.ToArray();
            using (var fork = session.Fork()) Check.Equal(fork.TurnCount, 4);
            model.Tokenize("hi there");
            if (index % 5 != 0) return;
            Check.Fails(Status.ContextFull, () => session.Chat(new string('x', 3000)));
            Check.Throws<LlavaNotFoundException>(() => Image.FromFile("/absent"));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Abandon()
    {
        Image.FromFile(Support.Dotted);
    }

    private static void Settle()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    private static IEnumerable<List<int>> Orders(List<int> rest)
    {
        if (rest.Count == 0) yield return new List<int>();
        foreach (var first in rest)
            foreach (var order in Orders(rest.Where(each => each != first).ToList()))
                yield return new[] { first }.Concat(order).ToList();
    }
}

/// <summary>Objects of a test that are disposed at its end.</summary>
public static class Tests
{
    private static readonly List<IDisposable> All = new List<IDisposable>();

    public static T Kept<T>(this T made) where T : IDisposable
    {
        All.Add(made);
        return made;
    }

    public static void DropKept()
    {
        foreach (var each in All) each.Dispose();
        All.Clear();
    }
}
