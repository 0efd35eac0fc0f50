// What the library has to say, for those who ask.
using System.Collections.Generic;
using System.Threading;

namespace Llava
{
    /// <summary>How important a line is.</summary>
    public enum LogLevel
    {
        /// <summary>For those who work on the library.</summary>
        Debug = 0,
        /// <summary>What was chosen and why.</summary>
        Info = 1,
        /// <summary>Something the caller may want to change.</summary>
        Warning = 2,
        /// <summary>Misuse without another way to be reported.</summary>
        Error = 3,
        /// <summary>Nothing.</summary>
        Off = 4
    }

    /// <summary>A line of the log.</summary>
    public struct LogLine
    {
        internal LogLine(LogLevel level, string message) : this()
        {
            Level = level;
            Message = message;
        }

        /// <summary>How important.</summary>
        public LogLevel Level { get; private set; }

        /// <summary>What happened.</summary>
        public string Message { get; private set; }

        /// <summary>Level and message.</summary>
        public override string ToString()
        {
            return Level.ToString().ToLowerInvariant() + ": " + Message;
        }
    }

    /// <summary>The log of the process: off until Level is set, and pulled; nothing is ever printed.</summary>
    public static class Log
    {
        private const int MostLeaks = 1024;
        private static readonly List<string> Leaks = new List<string>();
        private static int level = (int)LogLevel.Off;

        /// <summary>The least important lines to keep. They are kept, at most 1024, until Drain() takes them.</summary>
        public static LogLevel Level
        {
            get { return (LogLevel)Volatile.Read(ref level); }
            set
            {
                LlavaNative.Load();
                Internal.Native.llava_log_set_level((int)value);
                Volatile.Write(ref level, (int)value);
            }
        }

        /// <summary>Takes the lines kept so far, oldest first.</summary>
        public static IList<LogLine> Drain()
        {
            LlavaNative.Load();
            string text;
            Internal.Native.llava_log_drain(out text);
            var lines = new List<LogLine>();
            foreach (var line in text.Split(new[] { '\n' }, System.StringSplitOptions.RemoveEmptyEntries))
            {
                var told = Json.Parse(line);
                var dropped = told["dropped"];
                lines.Add(dropped.IsNull ? new LogLine(LevelOf(told["level"]), told["message"].Text)
                                         : new LogLine(LogLevel.Warning, dropped.Integer + " lines were not kept"));
            }
            lock (Leaks)
            {
                foreach (var leak in Leaks) lines.Add(new LogLine(LogLevel.Warning, leak));
                Leaks.Clear();
            }
            return lines;
        }

        /// <summary>An object that the finalizer had to free.</summary>
        internal static void TellLeak(string handle)
        {
            if (Volatile.Read(ref level) > (int)LogLevel.Warning) return;
            lock (Leaks)
            {
                if (Leaks.Count < MostLeaks)
                    Leaks.Add("an object was never disposed, its finalizer freed it: " + handle.Replace("Handle", ""));
            }
        }

        private static LogLevel LevelOf(Json told)
        {
            if (told.Kind == JsonKind.Number) return (LogLevel)told.Integer;
            LogLevel found;
            return System.Enum.TryParse(told.Text, true, out found) ? found : LogLevel.Info;
        }
    }
}
