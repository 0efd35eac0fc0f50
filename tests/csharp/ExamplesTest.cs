// The examples do what they say.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Llava;

public static class ExamplesTest
{
    private static readonly string Folder = Path.Combine(Support.Root, "examples", "csharp");

    [Test]
    public static void EachIsUnderTwoScreens()
    {
        var all = Directory.GetFiles(Folder, "*.cs");
        Check.Equal(all.Length, 6);
        foreach (var path in all) Check.That(File.ReadAllLines(path).Length < 65, path);
    }

    [Test]
    public static void ChatAnswersAndAnswersAgain()
    {
        var told = Run("chat", Support.HowMany + "\n/again\n\n", Support.Scenes, Support.Dotted);
        Check.Equal(told.Split(new[] { "four\n" }, StringSplitOptions.None).Length, 3);
    }

    [Test]
    public static void StreamGivesTwoAnswersAtOnce()
    {
        var told = Run("stream", "", Support.Scenes, Support.Dotted, Support.HowMany, "Is there a circle?").TrimEnd().Split('\n');
        Check.Equal(told[told.Length - 2], Support.HowMany + " four");
        Check.Contains(told[told.Length - 1], "Is there a circle? ");
    }

    [Test]
    public static void DescribeWritesJsonAndNamesWhatIsNoPicture()
    {
        Support.InFolder(folder =>
        {
            File.Copy(Support.Dotted, Path.Combine(folder, "写真 🦙.png"));
            File.WriteAllText(Path.Combine(folder, "notes.txt"), "no picture");
            var found = Json.Parse(Run("describe", "", Support.Scenes, folder, Support.HowMany));
            Check.Equal(found["写真 🦙.png"].ToString(), "{\"text\": \"four\", \"size\": [336, 336], \"tokens\": 2}");
            Check.Contains(found["notes.txt"]["error"].Text, "no known picture format");
        });
    }

    [Test]
    public static void SearchFindsThePictureItselfFirst()
    {
        var told = Run("search", "", Support.Scenes, Support.Examples, Support.Dotted).TrimEnd().Split('\n');
        Check.Equal(told.Length, 3);
        Check.Equal(told[0], " 1.000  dotted.png");
    }

    [Test]
    public static void AskAnswers()
    {
        var told = Run("ask", "", Support.Scenes, Support.Dotted, Support.HowMany).TrimEnd().Split('\n');
        Check.Equal(told[0] + told.Length, "four2");
    }

    [Test]
    public static void TrainTellsItsStepsAndTheModelAnswers()
    {
        Support.InFolder(folder =>
        {
            var data = Path.Combine(folder, "my.json");
            File.Copy(Support.Dotted, Path.Combine(folder, "mug.png"));
            File.WriteAllText(data, "[{\"id\": \"1\", \"image\": \"mug.png\", \"conversations\": [" +
                "{\"from\": \"human\", \"value\": \"<image>\\nWhat is it?\"}, {\"from\": \"gpt\", \"value\": \"red\"}]}]");
            var told = Run("train", "", Support.Scenes, data, Path.Combine(folder, "out"), "3", Support.Dotted, "What is it?");
            Check.Equal(told.Split('\n').Count(line => line.StartsWith("step ")), 3);
            Check.Contains(told, "\"event\": \"saved\"");
        });
    }

    private static string Run(string name, string input, params string[] arguments)
    {
        int code;
        string errors;
        var program = Path.Combine(AppDomain.CurrentDomain.BaseDirectory, name + ".exe");
        var call = string.Join(" ", new[] { program }.Concat(arguments).Select(Support.Quote));
        var output = Support.Output("mono", call, out code, out errors, input);
        Check.Equal(code + errors, "0");
        return output;
    }
}
