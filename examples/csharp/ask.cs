// One question about one picture, answered word by word: ask MODEL PICTURE QUESTION
using System;
using Llava;

public static class Ask
{
    public static void Main(string[] arguments)
    {
        using (var model = Model.Load(arguments[0]))
        using (var picture = Image.FromFile(arguments[1]))
        using (var session = model.CreateSession())
        using (var stream = session.Stream(arguments[2], picture))
        {
            foreach (var each in stream) Console.Write(each);
            Console.WriteLine("\n  ({0:0} tokens/s)", stream.Response.Usage.TokensPerSecond);
        }
    }
}
