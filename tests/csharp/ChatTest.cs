// Answers: whole, streamed, cancelled; dialogues that fork, rewind, are saved.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Llava;

public static class ChatTest
{
    [Test]
    public static void AnAnswerEqualsTheCommandsByteForByte()
    {
        foreach (var question in new[] { Support.HowMany, "你好 🦙: what is left of the circle?" })
        {
            int code;
            string errors;
            var told = Support.Output(Path.Combine(Support.Root, "build", "bin", "llava"), string.Join(" ", "chat",
                Support.Quote(Support.Scenes), "--image", Support.Quote(Support.Dotted), "--prompt", Support.Quote(question),
                "--greedy", "--json"), out code, out errors);
            Check.Equal(code + errors, "0");
            var command = Json.Parse(told);
            using (var image = Image.FromFile(Support.Dotted))
            using (var answer = Support.Shared.Ask(question, image, Support.Greedy(512)))
            {
                Check.Equal(answer.Text, command["text"].Text);
                Check.Equal(answer.Tokens, command["token_ids"].Select(id => (int)id.Integer));
                Check.Equal(FinishReasonNames.Of(answer.FinishReason), command["finish_reason"].Text);
            }
        }
    }

    [Test]
    public static void AStreamGivesTheWordsOfTheWholeAnswer()
    {
        Support.NothingLeft(() =>
        {
            using (var session = Support.Shared.CreateSession())
            using (var image = Image.FromFile(Support.Dotted))
            using (var stream = session.Stream(Support.HowMany, image))
            {
                var events = stream.ToList();
                Check.Equal(events.Where(each => each.Type != EventType.Token).Take(3).Select(each => each.Type),
                            new[] { EventType.ImageEncoded, EventType.Prefill, EventType.Text });
                Check.Equal(events.Last().Type, EventType.Done);
                using (var answer = stream.Response)
                {
                    Check.Equal(stream.Finish(), answer);
                    Check.Equal(string.Concat(events), answer.Text);
                    Check.Equal(events.Where(each => each.Token.HasValue).Select(each => each.Token.Value), answer.Tokens);
                    Check.Equal(answer.Usage.CompletionTokens, (long)answer.Tokens.Length);
                    Check.Equal(answer.Usage.ImageTokens, 9L);
                    Check.Equal(answer.ToJson()["choices"][0]["message"]["content"].Text, answer.Text);
                }
            }
        });
    }

    [Test]
    public static void ACancelDuringPrefillLeavesTheSessionAsItWas()
    {
        using (var session = Support.Shared.CreateSession())
        using (var image = Image.FromFile(Support.Dotted))
        using (var source = new CancellationTokenSource())
        {
            var stream = session.Stream(Support.HowMany, image, null, source.Token);
            Check.Equal(stream.Next().Type, EventType.ImageEncoded);
            source.Cancel();
            var caught = Check.Throws<LlavaCanceledException>(() => stream.Next());
            Check.That(caught.CancellationToken == source.Token && caught.Code == Status.Cancelled, "it names its token");
            stream.Dispose();
            Check.Equal(session.Stats.Tokens, 0L);
            Check.Throws<OperationCanceledException>(() => session.Chat("hi", null, null, source.Token));
            using (var answer = session.Chat(Support.HowMany, image)) Check.Equal(answer.Text, "four");
        }
    }

    [Test]
    public static void AChatIsCancelledFromAnotherThreadWithinATenthOfASecond()
    {
        using (var session = Support.Shared.CreateSession())
        {
            var waited = new List<double>();
            for (var round = 0; round < 5; ++round)
            {
                using (var source = new CancellationTokenSource())
                {
                    var cancelled = DateTime.MaxValue;
                    var timer = new Timer(unused => { cancelled = DateTime.UtcNow; source.Cancel(); }, null, 10, Timeout.Infinite);
                    Check.Throws<OperationCanceledException>(() =>
                    {
                        while (true) session.Chat("hi", null, Support.Greedy(30), source.Token).Dispose();
                    });
                    waited.Add((DateTime.UtcNow - cancelled).TotalSeconds);
                    timer.Dispose();
                    session.Reset();
                }
            }
            Check.That(waited.OrderBy(each => each).ElementAt(2) < 0.1, "waited " + string.Join(" ", waited));
        }
    }

    [Test]
    public static void WhatWasSaidBeforeACancelMayBeKept()
    {
        using (var session = Support.Shared.CreateSession())
        {
            var options = Support.Long();
            options.KeepOnCancel = true;
            using (var stream = session.Stream("hi", null, options))
            {
                for (var tokens = 0; tokens < 5;) tokens += stream.Next().Token.HasValue ? 1 : 0;
                stream.Cancel();
                using (var answer = stream.Finish())
                {
                    Check.Equal(answer.FinishReason, FinishReason.Cancelled);
                    Check.Equal(answer.Tokens.Length, 5);
                }
                Check.Fails(Status.State, () => stream.Next());
            }
            Check.Equal(session.TurnCount, 2);
        }
    }

    [Test]
    public static void ADeadlineIsATimeoutException()
    {
        using (var session = Support.Shared.CreateSession())
        {
            var late = new ChatOptions { Timeout = TimeSpan.Zero };
            var caught = Check.Throws<TimeoutException>(() => session.Chat("hi", null, late));
            Check.Equal(((ILlavaFailure)caught).Code, Status.Timeout);
            Event next;
            using (var stream = session.Stream("hi", null, Support.Greedy(3)))
            {
                var blocked = 0;
                while (!stream.TryNext(TimeSpan.Zero, out next)) ++blocked;
                Check.That(blocked > 0 && next.Type == EventType.Prefill, "one piece of work at a time: " + blocked);
            }
        }
    }

    [Test]
    public static void DialoguesRewindForkSaveAndGoOnElsewhere()
    {
        Support.NothingLeft(() => Support.InFolder(folder =>
        {
            var model = Support.Shared;
            using (var image = Image.FromFile(Support.Dotted))
            using (var session = model.CreateSession())
            {
                session.Chat(Support.HowMany, image).Dispose();
                using (var fork = session.Fork())
                {
                    string second;
                    using (var answer = session.Chat("What colour is the background?")) second = answer.Text;
                    using (var answer = fork.Chat("What colour is the background?")) Check.Equal(answer.Text, second);
                    session.Rewind(2);
                    var file = Path.Combine(folder, "dialogue 🦙 写.session");
                    session.Save(file);
                    using (var opened = model.LoadSession(file))
                    using (var answer = opened.Chat("What colour is the background?")) Check.Equal(answer.Text, second);
                    var turns = fork.Turns;
                    Check.Equal(turns.Select(turn => turn.Role), new[] { Role.User, Role.Assistant, Role.User, Role.Assistant });
                    Check.Equal(fork.History().Select(turn => turn["role"].Text), new[] { "user", "assistant", "user", "assistant" });
                    foreach (var turn in turns) turn.Dispose();
                    Check.Fails(Status.NotFound, () => model.CreateSession(fork.History()));
                }
                using (var first = Message.User(image, Support.HowMany))
                using (var again = model.CreateSession(Json.Of(new[] { Json.Parse(first.ToJson()) })))
                using (var answer = again.Answer())
                    Check.Equal(answer.Text, "four");
            }
        }));
    }

    [Test]
    public static void RawIdsAndEmbeddingsMakeATurn()
    {
        Support.NothingLeft(() =>
        {
            var model = Support.Shared;
            using (var image = Image.FromFile(Support.Dotted))
            using (var message = Message.User(image, Support.HowMany))
            using (var embedding = model.Encode(image))
            using (var session = model.CreateSession())
            {
                var ids = model.PromptIds(new[] { message });
                Check.Equal(ids.Count(id => id == Model.ImageToken), 1);
                session.AppendIds(ids, new[] { embedding });
                using (var answer = session.Answer()) Check.Equal(answer.Text, "four");
                session.Reset();
                session.Append(message);
                using (var stream = session.StreamAnswer())
                using (var answer = stream.Finish())
                    Check.Equal(answer.Text, "four");
                long used, limit;
                session.Tokens(out used, out limit);
                Check.That(used > 40 && limit == 512, used + " of " + limit);
            }
        });
    }

    [Test]
    public static void OptionsReachTheAnswer()
    {
        var model = Support.Shared;
        var drawn = new ChatOptions { Temperature = 1.5f, Seed = 7, MaxTokens = 20, IgnoreEos = true, Logprobs = 2 };
        int first;
        using (var answer = model.Ask("hi", null, drawn))
        using (var again = model.Ask("hi", null, drawn))
        {
            Check.Equal(answer.Tokens, again.Tokens);
            Check.Equal(answer.Seed, 7L);
            Check.Equal(answer.Logprobs.Count, 20);
            Check.Equal(answer.Logprobs[0]["top"].Count, 2);
            first = answer.Tokens[0];
        }
        var greedy = Support.Greedy(3);
        greedy.IgnoreEos = true;
        greedy.LogitBias = new Dictionary<int, float> { { first, 100 } };
        using (var answer = model.Ask("hi", null, greedy)) Check.Equal(answer.Tokens, new[] { first, first, first });
        greedy.LogitBias = null;
        greedy.BadIds = new[] { first };
        using (var answer = model.Ask("hi", null, greedy)) Check.That(answer.Tokens[0] != first, "never drawn");
        using (var image = Image.FromFile(Support.Dotted))
        {
            var stop = new ChatOptions { Temperature = 0, Stop = new[] { "ou" } };
            using (var answer = model.Ask(Support.HowMany, image, stop))
                Check.Equal(answer.Text + answer.FinishReason, "fStopString");
            stop.IncludeStop = true;
            using (var answer = model.Ask(Support.HowMany, image, stop)) Check.Equal(answer.Text, "fou");
        }
    }

    [Test]
    public static void EmojiAndNulGoThrough()
    {
        var model = Support.Shared;
        const string text = "👋🏽 猫 Grüße 🐈‍⬛ a\0b";
        Check.Equal(model.Detokenize(model.Tokenize(text)), text);
        using (var message = Message.User(text)) Check.Equal(message.Text, text);
        var ids = model.Tokenize("🙂");
        var options = Support.Greedy(4);
        options.RepetitionPenalty = 100;
        options.LogitBias = ids.Skip(ids.Length - 4).Select((id, index) => new { id, index })
            .ToDictionary(each => each.id, each => 4000f - 1000 * each.index);
        using (var session = model.CreateSession())
        using (var stream = session.Stream("hi", null, options))
            Check.Equal(string.Concat(stream.Where(each => each.Text.Length > 0).Select(each => each.Text)), "🙂");
        using (var decoder = new Decoder(model))
        {
            var told = ids.Select(decoder.Push).ToList();
            Check.Equal(string.Concat(told).Trim(), "🙂");
            Check.Equal(decoder.Flush(), "");
            Check.Fails(Status.State, () => decoder.Push(5));
        }
    }
}
