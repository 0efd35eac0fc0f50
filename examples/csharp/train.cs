// Teaches a model your own pictures and asks it: train MODEL DATA.json OUT STEPS [PICTURE QUESTION]
//
// DATA is LLaVA's JSON: [{"id", "image", "conversations": [{"from": "human", "value": "<image>\n..."}, {"from": "gpt", ...}]}]
using System;
using System.Linq;
using Llava;

public static class TrainOwn
{
    public static int Main(string[] arguments)
    {
        var found = new Dataset(arguments[1]).Check(arguments[0]);
        foreach (var bad in found["bad"]) Console.WriteLine("record {0}: {1}", bad["record"].Integer, bad["message"].Text);
        if (found["unusable"].Integer > 0) return 1;

        var options = new TrainOptions
        {
            Stage = 2, Data = arguments[1], OutDir = arguments[2], Steps = long.Parse(arguments[3]), Batch = 4, MicroBatch = 4, Lr = 1e-4,
            SaveEvery = 50 // after a crash or a kill the same call goes on from the last snapshot
        };
        using (var trainer = new Trainer(arguments[0], options)) // saved at the end, and when it is left before
            foreach (var told in trainer.Where(told => told.Type == "step" || told.Type == "saved"))
                Console.WriteLine(told);

        if (arguments.Length < 6) return 0;
        using (var tuned = Model.Load(arguments[2]))
        using (var picture = Image.FromFile(arguments[4]))
        using (var answer = tuned.Ask(arguments[5], picture, new ChatOptions { Temperature = 0 }))
            Console.WriteLine(answer);
        return 0;
    }
}
