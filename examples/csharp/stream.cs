// Two answers at once, word by word, with tasks: stream MODEL PICTURE QUESTION QUESTION
using System;
using System.Linq;
using System.Threading.Tasks;
using Llava;

public static class TwoStreams
{
    public static void Main(string[] arguments)
    {
        Run(arguments[0], arguments[1], arguments.Skip(2).ToArray()).Wait();
    }

    private static async Task Run(string folder, string picture, string[] questions)
    {
        using (var model = await Model.LoadAsync(folder))
        using (var image = Image.FromFile(picture))
        using (var encoded = model.Encode(image)) // once, for both
        {
            var answers = await Task.WhenAll(questions.Select(question => Answer(model, encoded, question)));
            for (var index = 0; index < questions.Length; ++index) Console.WriteLine(questions[index] + " " + answers[index]);
        }
    }

    private static async Task<string> Answer(Model model, Embedding picture, string question)
    {
        using (var session = model.CreateSession())
        using (var message = Message.User(picture, question))
        using (var stream = session.Stream(message, new ChatOptions { Temperature = 0 }))
        {
            var text = "";
            Event next;
            while ((next = await stream.NextAsync()) != null)
            {
                text += next.Text;
                if (next.Text.Length > 0) Console.WriteLine("{0,-40} {1}", question, text);
            }
            return text;
        }
    }
}
