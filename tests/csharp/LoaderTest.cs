// Finding the native libraries: each in a process of its own, since a process loads them once.
using System;
using System.IO;
using Llava;

public static class LoaderTest
{
    private static readonly string Package =
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(Model).Assembly.Location), "..", ".."));

    [Test]
    public static void TheMessageNamesEveryPlace()
    {
        Support.InFolder(folder =>
        {
            var told = RunIn(folder, "/nowhere:" + folder, 1);
            foreach (var part in new[] { "libllava.so.0.1 cannot be loaded", "/nowhere/libllava.so.0.1: not there (LLAVA_LIBRARY_PATH)",
                                         folder + "/libllava.so.0.1: not there", "beside Llava.dll", "runtimes/linux-x64/native",
                                         "cannot open shared object file", "Name the folder" })
                Check.Contains(told, part);
        });
    }

    [Test]
    public static void AFolderFromTheEnvironmentIsTakenAndWhatIsBrokenThereIsTold()
    {
        Support.InFolder(folder =>
        {
            Check.Equal(RunIn(folder, Path.Combine(Package, "runtimes", "linux-x64", "native"), 0), "0.1.0\n");
            File.WriteAllText(Path.Combine(folder, "libllava.so.0.1"), "no library");
            Check.Contains(RunIn(folder, folder, 1), folder + "/libllava.so.0.1: " + folder + "/libllava.so.0.1: ");
        });
    }

    [Test]
    public static void WhateverIsCalledFirstLoadsTheLibraries()
    {
        Support.InFolder(folder =>
        {
            var native = Path.Combine(Package, "runtimes", "linux-x64", "native");
            var calls = RunIn(folder, native, 0, "").TrimEnd().Split('\n');
            Check.That(calls.Length > 20, "all calls that may come first");
            var few = new[] { "message", "probe", "checkpoint" }; // LLAVA_FULL tries all
            foreach (var call in Environment.GetEnvironmentVariable("LLAVA_FULL") == null ? few : calls)
                Check.Equal(call + RunIn(folder, native, 0, call), call + "done\n");
        });
    }

    [Test]
    public static void ThePackageHasTheShapeNuGetExpects()
    {
        foreach (var file in new[] { "Llava.nuspec", "README.md", "LICENSE", "NOTICE", "buildTransitive/Llava.targets", "lib/net461/Llava.dll",
                                     "lib/net461/Llava.xml", "runtimes/linux-x64/native/libllava.so.0.1",
                                     "runtimes/linux-x64/native/libllava_csharp.so" })
            Check.That(File.Exists(Path.Combine(Package, file)), file);
        Check.Contains(File.ReadAllText(Path.Combine(Package, "Llava.nuspec")), "<version>" + Library.Version + "</version>");
        Check.Equal(typeof(Model).Assembly.GetName().Version.ToString(), Library.Version + ".0");
    }

    [Test]
    public static void OnceLoadedItStays()
    {
        Check.Equal(Library.Version, "0.1.0");
        Check.Throws<InvalidOperationException>(() => LlavaNative.Configure("/elsewhere"));
        Check.Contains(LlavaNative.DryRun(), "libllava.so.0.1: ");
    }

    /// <summary>first.exe with Llava.dll beside it in a folder without native libraries: what it says.</summary>
    private static string RunIn(string folder, string path, int expected, string call = "version")
    {
        File.Copy(typeof(Model).Assembly.Location, Path.Combine(folder, "Llava.dll"), true);
        var program = Path.Combine(folder, "first.exe");
        File.Copy(Path.Combine(AppDomain.CurrentDomain.BaseDirectory, "first.exe"), program, true);
        int code;
        string errors;
        var output = Support.Output("mono", Support.Quote(program) + " " + call, out code, out errors, "",
                                    start => start.EnvironmentVariables["LLAVA_LIBRARY_PATH"] = path);
        Check.Equal(code, expected);
        return code == 0 ? output : errors;
    }
}
