// How a process may end with objects alive; each runs in a process of its own.
using System;
using System.Threading;
using Llava;

public static class Ways
{
    public static readonly string[] All = { "open", "exit", "during-call", "during-stream", "abandoned" };

    public static int Run(string way)
    {
        var model = Model.Load(Support.Tiny);
        var session = model.CreateSession();
        var image = Image.FromFile(Support.Dotted);
        var stream = session.Stream("hi", image, Support.Long());
        stream.Next();
        switch (way)
        {
            case "exit":
                Environment.Exit(0);
                break;
            case "during-call":
                Background(() =>
                {
                    var other = model.CreateSession();
                    while (true)
                    {
                        other.Chat("hi", null, Support.Long());
                        other.Reset();
                    }
                });
                break;
            case "during-stream":
                Background(() =>
                {
                    while (stream.Next() != null)
                    {
                    }
                });
                break;
            case "abandoned":
                stream = null;
                session = null;
                GC.Collect();
                break;
        }
        GC.KeepAlive(image);
        return 0;
    }

    private static void Background(Action body)
    {
        var thread = new Thread(() => body()) { IsBackground = true };
        thread.Start();
        Thread.Sleep(30);
    }
}
