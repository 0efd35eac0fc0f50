// The conversation of README.md beside this file, in C#: Conversation MODEL PICTURES WORK
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Llava;
using Stream = Llava.Stream;

public static class Conversation
{
    private const string HowMany = "How many shapes are there?";
    private const string Describe = "Describe the picture.";
    private static readonly string[] EventNames = { "image_encoded", "prefill", "text", "token", "done" };

    private static string folder, pictures, work;
    private static Model model;
    private static Image dotted, striped;

    public static int Main(string[] arguments)
    {
        Console.SetOut(new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { NewLine = "\n" });
        try
        {
            if (arguments.Length != 3)
            {
                Console.Error.WriteLine("usage: Conversation MODEL PICTURES WORK");
                return 2;
            }
            folder = arguments[0];
            pictures = arguments[1];
            work = arguments[2];
            Hold();
            Say("live", Library.LiveObjects.Sum(count => count.Integer));
            return 0;
        }
        catch (Exception failure)
        {
            Console.Error.WriteLine(failure);
            return 1;
        }
        finally
        {
            Console.Out.Flush();
        }
    }

    private static void Hold()
    {
        using (model = Model.Load(folder))
        using (dotted = Image.FromFile(Path.Combine(pictures, "dotted.png")))
        using (striped = Image.FromFile(Path.Combine(pictures, "striped.png")))
        using (var session = model.CreateSession())
        {
            ThreeTurns(session);
            session.Rewind(4);
            Say("rewind.turns", session.TurnCount);
            Ask("rewind", session, "Is there a cross?", striped);
            using (var fork = session.Fork())
            {
                Ask("fork", fork, Describe);
                Say("fork.turns", fork.TurnCount);
                Say("original.turns", session.TurnCount);
                CancelKeeping(fork);
                CancelRollingBack(fork);
                CancelAtOnce(fork);
            }
            Emoji();
            SaveAndLoad(session);
            AskWithEmbedding();
            Ends();
            ErrorsOfFiles();
            ErrorsOfOptions();
            ErrorsOfAsking();
            ErrorsOfOrder(session);
        }
    }

    private static void ThreeTurns(Session session)
    {
        Ask("turn1", session, HowMany, dotted);
        Stream("turn2", session, "Describe the picture. 🔴 絵", Greedy(64));
        Ask("turn3", session, HowMany, striped);
        var stats = session.Stats;
        Say("session.turns", stats.Turns);
        Say("session.positions", stats.Tokens);
        Say("session.limit", stats.Limit);
        Say("session.encoded", stats.ImagesEncoded);
    }

    private static void CancelKeeping(Session session)
    {
        using (var stream = session.Stream(Describe, null, Keeping()))
        {
            PullTokens(stream, 3);
            stream.Cancel();
            Say("keep", stream.Finish());
        }
        Say("keep.turns", session.TurnCount);
    }

    private static void CancelRollingBack(Session session)
    {
        using (var source = new CancellationTokenSource())
        using (var stream = session.Stream(Describe, null, Greedy(64), source.Token))
        {
            PullTokens(stream, 2);
            source.Cancel();
            Say("rollback.status", StatusOf(() =>
            {
                while (stream.Next() != null)
                {
                }
            }));
        }
        Say("rollback.turns", session.TurnCount);
    }

    private static void CancelAtOnce(Session session)
    {
        using (var stream = session.Stream(Describe, null, Keeping()))
        {
            stream.Cancel();
            Say("at_once.status", StatusOf(() => stream.Next()));
        }
        Say("at_once.turns", session.TurnCount);
    }

    private static void Emoji()
    {
        var ids = model.Tokenize("🙂");
        Say("emoji.tokenized", string.Join(" ", ids));
        var options = Greedy(4);
        options.RepetitionPenalty = 100;
        options.LogitBias = new Dictionary<int, float>();
        for (var index = 0; index < 4; ++index) options.LogitBias[ids[ids.Length - 4 + index]] = 4000 - 1000 * index;
        using (var session = model.CreateSession())
        using (var question = Message.User("👋🏽 猫"))
        using (var answer = Message.Assistant("Grüße 🐈‍⬛"))
        {
            Stream("emoji", session, HowMany, options);
            session.Append(question);
            session.Append(answer);
            using (var turn = session.Turn(3)) Say("append.text", turn.Text);
            Say("append.turns", session.TurnCount);
        }
    }

    private static void SaveAndLoad(Session session)
    {
        var file = Path.Combine(work, "Gespräch 💬 対話.session");
        session.Save(file);
        using (var loaded = model.LoadSession(file))
        {
            Ask("saved", loaded, Describe);
            Say("saved.turns", loaded.TurnCount);
        }
    }

    private static void AskWithEmbedding()
    {
        using (var embedding = model.Encode(dotted))
        using (var message = Message.User(embedding, HowMany))
        using (var session = model.CreateSession())
        {
            Say("embedding.tokens", embedding.Tokens);
            Say("embedding.width", embedding.Width);
            Say("embedding", session.Chat(message, Greedy(64)));
        }
    }

    private static void Ends()
    {
        var stopping = Greedy(64);
        stopping.Stop = new[] { " shapes" };
        Say("length", model.Ask(Describe, dotted, Greedy(5)));
        Say("stop_string", model.Ask(Describe, dotted, stopping));
        using (var session = model.CreateSession(new SessionOptions { MaxContext = 64 })) Ask("context", session, Describe, dotted);
    }

    private static void ErrorsOfFiles()
    {
        Try("missing_model", () => Model.Load(Path.Combine(folder, "no such model 😿")));
        Try("not_a_model", () => Model.Load(work));
        Try("missing_picture", () => Image.FromFile(Path.Combine(pictures, "no such picture.png")));
        Try("broken_picture", () => Image.FromFile(Path.Combine(folder, "config.json")));
        Try("not_a_session", () => model.LoadSession(Path.Combine(folder, "model.safetensors")));
        Try("empty_picture", () => Image.FromBytes(new byte[0]));
        Try("remote_picture", () => Image.FromDataUri("https://example.org/cat.png"));
    }

    private static void ErrorsOfOptions()
    {
        var hot = Greedy(64);
        hot.Temperature = 1000;
        var adapted = Greedy(64);
        adapted.Adapter = "no such adapter";
        Try("bad_max_tokens", () => model.Ask(HowMany, null, Greedy(0)));
        Try("bad_temperature", () => model.Ask(HowMany, null, hot));
        Try("missing_adapter", () => model.Ask(HowMany, null, adapted));
        Try("missing_template", () => model.CreateSession(new SessionOptions { Template = "no such template" }));
        Try("bad_context", () => model.CreateSession(new SessionOptions { MaxContext = 1000000 }));
    }

    private static void ErrorsOfAsking()
    {
        var late = Greedy(64);
        late.Timeout = TimeSpan.Zero;
        using (var empty = Message.User()) Try("empty_message", () => model.Ask(empty, Greedy(64)));
        Try("context_full", () => model.Ask(string.Concat(Enumerable.Repeat("red ", 700)), null, Greedy(64)));
        Try("cancelled", () => model.Ask(HowMany, null, Greedy(64), new CancellationToken(true)));
        Try("timeout", () => model.Ask(HowMany, null, late));
    }

    private static void ErrorsOfOrder(Session session)
    {
        using (session.Stream(HowMany, null, Greedy(64)))
        {
            Try("busy_chat", () => session.Chat(HowMany, null, Greedy(64)));
            Try("busy_fork", () => session.Fork());
            Try("busy_rewind", () => session.Rewind(0));
        }
        Try("rewind_too_far", () => session.Rewind(99));
        Say("error.turns", session.TurnCount);
        var closed = model.CreateSession();
        closed.Dispose();
        try
        {
            closed.Fork().Dispose();
            Say("error.closed", "accepted");
        }
        catch (ObjectDisposedException)
        {
            Say("error.closed", "refused");
        }
    }

    private static ChatOptions Greedy(int tokens)
    {
        return new ChatOptions { Temperature = 0, MaxTokens = tokens };
    }

    private static ChatOptions Keeping()
    {
        var options = Greedy(64);
        options.KeepOnCancel = true;
        return options;
    }

    private static void Ask(string name, Session session, string text, Image image = null)
    {
        Say(name, session.Chat(text, image, Greedy(64)));
    }

    private static void Stream(string name, Session session, string text, ChatOptions options)
    {
        using (var stream = session.Stream(text, null, options))
        {
            var events = stream.ToList();
            Say(name + ".events", string.Join(" ", events.Select(each => EventNames[(int)each.Type])));
            Say(name + ".joined", string.Concat(events));
            Say(name, stream.Finish());
        }
    }

    private static void PullTokens(Stream stream, int wanted)
    {
        while (wanted > 0)
            if (stream.Next().Token.HasValue) --wanted;
    }

    private static void Try(string name, Action call)
    {
        Say("error." + name, StatusOf(call));
    }

    private static string StatusOf(Action call)
    {
        try
        {
            call();
            return StatusNames.Of(Status.Ok);
        }
        catch (Exception failure)
        {
            if (!(failure is ILlavaFailure)) throw;
            return StatusNames.Of(((ILlavaFailure)failure).Code);
        }
    }

    private static void Say(string name, Response response)
    {
        using (response)
        {
            var usage = response.Usage;
            Say(name + ".text", response.Text);
            Say(name + ".ids", string.Join(" ", response.Tokens));
            Say(name + ".finish", FinishReasonNames.Of(response.FinishReason));
            Say(name + ".prompt", usage.PromptTokens);
            Say(name + ".pictures", usage.ImageTokens);
            Say(name + ".cached", usage.CachedTokens);
            Say(name + ".completion", usage.CompletionTokens);
        }
    }

    private static void Say(string name, object value)
    {
        Console.WriteLine(name + ": " + value);
    }
}
