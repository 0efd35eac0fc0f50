// A conversation about pictures in the terminal: chat MODEL [PICTURE ...]
using System;
using System.Linq;
using System.Threading;
using Llava;

public static class Chat
{
    public static void Main(string[] arguments)
    {
        var source = new CancellationTokenSource();
        Console.CancelKeyPress += (sender, pressed) => // Ctrl-C stops the answer, not the program
        {
            pressed.Cancel = true;
            source.Cancel(); // at the prompt: one that no answer will look at
        };
        using (var model = Model.Load(arguments[0]))
        using (var session = model.CreateSession())
        {
            Console.WriteLine(model + "\nEmpty line: end. /again: another answer. Ctrl-C: stop the answer.");
            var images = arguments.Skip(1).Select(path => Image.FromFile(path)).ToList();
            string line, question = "";
            while (!string.IsNullOrEmpty(line = Console.ReadLine()))
            {
                if (line == "/again" && session.TurnCount >= 2) session.Rewind(session.TurnCount - 2);
                else question = line;
                source = new CancellationTokenSource(); // never disposed: the one before may still be cancelled at this moment
                Answer(session, Question(question, session.TurnCount == 0 ? images.ToArray() : new Image[0]), source.Token);
            }
            images.ForEach(image => image.Dispose());
        }
    }

    private static Message Question(string text, Image[] images)
    {
        var message = Message.User();
        foreach (var image in images) message.Add(image);
        return message.Add(text);
    }

    private static void Answer(Session session, Message message, CancellationToken cancel)
    {
        try
        {
            using (message)
                foreach (var each in session.Stream(message, null, cancel)) Console.Write(each);
        }
        catch (OperationCanceledException) // the session is as it was before the question
        {
            Console.Write(" (stopped)");
        }
        catch (LlavaException failure)
        {
            Console.Write(failure.Message);
        }
        Console.WriteLine();
    }
}
