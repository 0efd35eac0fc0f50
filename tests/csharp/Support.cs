// What the tests share: places, the models, programs to run, folders to write into.
using System;
using System.Diagnostics;
using System.IO;
using System.Text;
using Llava;

public static class Support
{
    public static readonly string Root = FindRoot();
    public static readonly string Scenes = Path.Combine(Root, "models", "scenes");
    public static readonly string Tiny = Path.Combine(Root, "tests", "golden", "model", "tiny");
    public static readonly string Examples = Path.Combine(Scenes, "examples");
    public static readonly string Dotted = Path.Combine(Examples, "dotted.png");
    public static readonly string HowMany = "How many shapes are there?";

    /// <summary>How often the leak loop goes round, with ten calls a time.</summary>
    public static readonly int Rounds = Environment.GetEnvironmentVariable("LLAVA_FULL") == null ? 100 : 1000;

    private static readonly Lazy<Model> TheModel = new Lazy<Model>(() => Model.Load(Scenes));

    /// <summary>The small model that really looks, loaded once.</summary>
    public static Model Shared
    {
        get { return TheModel.Value; }
    }

    public static ChatOptions Long()
    {
        return new ChatOptions { IgnoreEos = true, MaxTokens = 400, Temperature = 0 };
    }

    public static ChatOptions Greedy(int tokens)
    {
        return new ChatOptions { Temperature = 0, MaxTokens = tokens };
    }

    /// <summary>Runs a test's body, then looks whether as many objects of the library live as before.</summary>
    public static void NothingLeft(Action body)
    {
        var model = Shared; // loaded before counting
        var before = Library.LiveObjects.ToString();
        body();
        Check.Equal(Library.LiveObjects.ToString(), before);
        GC.KeepAlive(model);
    }

    /// <summary>A folder of its own, with emoji and CJK in its name, removed afterwards.</summary>
    public static void InFolder(Action<string> body)
    {
        var folder = Path.Combine(Path.GetTempPath(), "llava csharp 図 🦙 " + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(folder);
        try
        {
            body(folder);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    public static long ResidentBytes()
    {
        return long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Environment.SystemPageSize;
    }

    /// <summary>A program's output; its code and what it said on standard error come out too.</summary>
    public static string Output(string program, string arguments, out int code, out string errors, string input = "",
                                Action<ProcessStartInfo> change = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
            RedirectStandardInput = true, StandardOutputEncoding = new UTF8Encoding(false)
        };
        start.EnvironmentVariables["LC_ALL"] = "C.UTF-8";
        if (change != null) change(start);
        using (var process = Process.Start(start))
        {
            var told = process.StandardError.ReadToEndAsync();
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            code = process.ExitCode;
            errors = told.Result;
            return output;
        }
    }

    public static string Quote(string argument)
    {
        return "\"" + argument + "\"";
    }

    private static string FindRoot()
    {
        var folder = AppDomain.CurrentDomain.BaseDirectory;
        while (folder != null && !File.Exists(Path.Combine(folder, "models", "scenes", "config.json")))
            folder = Path.GetDirectoryName(folder);
        if (folder == null) throw new InvalidOperationException("the tests lie outside the source tree");
        return folder;
    }
}
