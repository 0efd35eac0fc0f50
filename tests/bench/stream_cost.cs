// What stream_cost.c measures, through the C# package: stream_cost MODEL ROUNDS
using System;
using System.Runtime.InteropServices;
using Llava;

public static class StreamCost
{
    private const int Tokens = 300;
    private const int ThreadTime = 3; // CLOCK_THREAD_CPUTIME_ID

    public static void Main(string[] arguments)
    {
        var options = new ChatOptions { IgnoreEos = true, Temperature = 0, MaxTokens = Tokens };
        var best = double.MaxValue;
        using (var model = Model.Load(arguments[0]))
        using (var session = model.CreateSession())
        {
            Library.SetThreads(1);
            for (var round = 0; round < int.Parse(arguments[1]); ++round) best = Math.Min(best, OneRound(session, options));
        }
        Console.WriteLine(best.ToString("0.00", System.Globalization.CultureInfo.InvariantCulture));
    }

    private static double OneRound(Session session, ChatOptions options)
    {
        session.Reset();
        using (var stream = session.Stream("hi", null, options))
        {
            var size = 0;
            var begin = ThreadMicroseconds();
            foreach (var each in stream) size += each.Text.Length;
            return size < 0 ? 0 : (ThreadMicroseconds() - begin) / Tokens;
        }
    }

    private static double ThreadMicroseconds()
    {
        Time now;
        clock_gettime(ThreadTime, out now);
        return now.Seconds * 1e6 + now.Nanoseconds / 1e3;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [DllImport("libc.so.6")]
    private static extern int clock_gettime(int clock, out Time now);
}
