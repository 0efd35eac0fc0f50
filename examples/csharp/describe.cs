// Asks every picture of a folder the same question; one JSON object: describe MODEL FOLDER QUESTION
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Llava;

public static class DescribeFolder
{
    public static void Main(string[] arguments)
    {
        Console.OutputEncoding = new UTF8Encoding(false);
        var found = new Dictionary<string, object>();
        using (var model = Model.Load(arguments[0]))
            foreach (var file in Directory.GetFiles(arguments[1]).OrderBy(file => file, StringComparer.Ordinal))
                found[Path.GetFileName(file)] = Describe(model, file, arguments[2]);
        Console.WriteLine(Json.Of(found).ToString(1));
    }

    private static Dictionary<string, object> Describe(Model model, string file, string question)
    {
        try
        {
            using (var image = Image.FromFile(file))
            using (var answer = model.Ask(question, image, new ChatOptions { Temperature = 0 }))
                return new Dictionary<string, object>
                {
                    { "text", answer.Text }, { "size", new[] { image.Width, image.Height } }, { "tokens", answer.Tokens.Length }
                };
        }
        catch (LlavaException failure) // no picture, or one that cannot be used: the others go on
        {
            if (failure.Code != Status.Format && failure.Code != Status.Unsupported && failure.Code != Status.Limit) throw;
            return new Dictionary<string, object> { { "error", failure.Message } };
        }
    }
}
