// Which pictures of a folder look most like this one: search MODEL FOLDER PICTURE
//
// The features of the vision tower, averaged over the picture, are compared by their angle.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Llava;

public static class Search
{
    private static readonly string[] Suffixes = { ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp" };

    public static void Main(string[] arguments)
    {
        var files = Directory.GetFiles(arguments[1])
            .Where(file => Suffixes.Contains(Path.GetExtension(file).ToLowerInvariant())).ToList();
        List<double[]> rows;
        using (var model = Model.Load(arguments[0]))
            rows = files.Concat(new[] { arguments[2] }).Select(file => Average(model, file)).ToList();
        if (rows.Count > 2) // what all share tells nothing
        {
            var mean = Enumerable.Range(0, rows[0].Length).Select(column => rows.Average(row => row[column])).ToArray();
            rows = rows.Select(row => row.Select((value, column) => value - mean[column]).ToArray()).ToList();
        }
        var wanted = rows.Last();
        var likenesses = files.Select((file, index) => new { file, likeness = Cosine(rows[index], wanted) });
        foreach (var each in likenesses.OrderByDescending(each => each.likeness))
            Console.WriteLine("{0,6:0.000}  {1}", each.likeness, Path.GetFileName(each.file));
    }

    private static double[] Average(Model model, string file)
    {
        using (var image = Image.FromFile(file))
        using (var embedding = model.Encode(image, new EncodeOptions { Features = true }))
        {
            var numbers = embedding.ToArray();
            var sums = new double[embedding.Width];
            for (var index = 0; index < numbers.Length; ++index) sums[index % sums.Length] += numbers[index] / embedding.Tokens;
            return sums;
        }
    }

    private static double Cosine(double[] one, double[] other)
    {
        return Dot(one, other) / Math.Sqrt(Dot(one, one) * Dot(other, other));
    }

    private static double Dot(double[] one, double[] other)
    {
        return one.Select((value, index) => value * other[index]).Sum();
    }
}
