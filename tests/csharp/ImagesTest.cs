// Pictures from whatever holds one, and their pixels out; numbers in and out; tokens.
using System;
using System.IO;
using System.Linq;
using Llava;

public static class ImagesTest
{
    [Test]
    public static void PathBytesStreamUriAndPixelsGiveTheSamePicture()
    {
        Support.NothingLeft(() => Support.InFolder(folder =>
        {
            var content = File.ReadAllBytes(Support.Dotted);
            var strange = Path.Combine(folder, "猫 🐈.png");
            File.Copy(Support.Dotted, strange);
            var padded = new byte[content.Length + 9];
            content.CopyTo(padded, 4);
            byte[] pixels, bottomUp, wide;
            string expected;
            using (var image = Image.FromFile(Support.Dotted))
            {
                Check.Equal(image.Width + " " + image.Height + " " + image.Info.Source, "336 336 Png");
                expected = image.Info.Sha256;
                pixels = image.Pixels();
                bottomUp = Enumerable.Range(0, 336).SelectMany(row => pixels.Skip((335 - row) * 1008).Take(1008)).ToArray();
                wide = Enumerable.Range(0, 336).SelectMany(row => pixels.Skip(row * 1008).Take(1008).Concat(new byte[16])).ToArray();
                Check.Equal(image.Pixels(PixelFormat.Bgra32).Length, 336 * 336 * 4);
            }
            foreach (var make in new Func<Image>[]
            {
                () => Image.FromFile(strange), () => Image.FromBytes(content), () => Image.FromBytes(padded, 4, content.Length),
                () => Image.FromStream(new MemoryStream(content)), () => Image.FromPixels(pixels, 336, 336, PixelFormat.Rgb24),
                () => Image.FromDataUri("data:image/png;base64," + Convert.ToBase64String(content)),
                () => Image.FromPixels(bottomUp, 336, 336, PixelFormat.Rgb24, -1008),
                () => Image.FromPixels(wide, 336, 336, PixelFormat.Rgb24, 1024)
            })
                using (var image = make()) Check.Equal(image.Info.Sha256, expected);
            Check.Equal(Image.Probe(content).Width, 336);
        }));
    }

    [Test]
    public static void WhatIsNoPictureIsRefusedWithWhatWasExpected()
    {
        Check.Throws<FileNotFoundException>(() => Image.FromFile("/absent.png"));
        Check.Fails(Status.Format, () => Image.FromBytes(new byte[] { 1, 2, 3 }));
        Check.Fails(Status.InvalidArgument, () => Image.FromBytes(new byte[0]));
        Check.Fails(Status.Unsupported, () => Image.FromDataUri("https://example.org/cat.png"));
        Check.Fails(Status.Limit, () => Image.FromFile(Support.Dotted, new ImageOptions { MaxPixels = 10 }));
        Check.Contains(Check.Fails(Status.InvalidArgument,
            () => Image.FromPixels(new byte[11], 2, 2, PixelFormat.Rgb24)).Message, "expected 12 at least");
        Check.Fails(Status.InvalidArgument, () => Image.FromPixels(new byte[99], 2, -2, PixelFormat.Rgb24));
        Check.Fails(Status.InvalidArgument, () => Image.FromPixels(new byte[99], 2, 2, PixelFormat.Rgb24, 5));
        Check.Fails(Status.InvalidArgument, () => Image.FromPixels(new byte[99], 2, 2, PixelFormat.Rgb24, int.MinValue));
        Check.Throws<ArgumentOutOfRangeException>(() => Image.FromBytes(new byte[9], 5, 5));
    }

    [Test]
    public static void ExifMayBeLeftAlone()
    {
        var path = Path.Combine(Support.Root, "tests", "golden", "image", "pictures", "exif-6.jpg");
        using (var turned = Image.FromFile(path))
        using (var stored = Image.FromFile(path, new ImageOptions { ApplyExif = false }))
            Check.Equal(turned.Width + " " + turned.Height + " " + turned.Info.Orientation, stored.Height + " " + stored.Width + " 6");
    }

    [Test]
    public static void MessagesHoldTextsAndPicturesInAnyOrder()
    {
        Support.NothingLeft(() =>
        {
            using (var image = Image.FromFile(Support.Dotted))
            using (var embedding = Support.Shared.Encode(image))
            using (var message = new Message(Role.User, "first ", image, " then ", embedding))
            {
                Check.Equal(message.Text + message.Count, "first  then 4");
                var images = message.Images;
                Check.Equal(images.Count + images[0].Info.Sha256, "1" + image.Info.Sha256);
                images[0].Dispose();
                var model = Support.Shared;
                Check.Equal(model.CountTokens(message), model.PromptIds(new[] { message }).Length + 2L * 8);
                Check.Contains(model.ApplyTemplate(new[] { message }), "<image>");
                using (var plain = Message.User(image, "hi"))
                using (var copy = Message.FromJson(plain.ToJson()))
                    Check.Equal(copy.ToJson(), plain.ToJson());
                message.Clear();
                Check.Equal(message.Count, 0);
            }
        });
    }

    [Test]
    public static void NumbersComeOutAndGoIn()
    {
        Support.NothingLeft(() => Support.InFolder(folder =>
        {
            var model = Support.Shared;
            using (var image = Image.FromFile(Support.Dotted))
            using (var embedding = model.Encode(image))
            using (var features = model.Encode(image, new EncodeOptions { Features = true, Layer = -1, ClassToken = true }))
            {
                Check.Equal(embedding.Tokens + " " + embedding.Width + " " + embedding.ImageSha256, "9 160 " + image.Info.Sha256);
                Check.That(!features.IsProjected && features.Tokens == 10, features.ToString());
                using (var tensor = embedding.Tensor())
                {
                    Check.Equal(tensor.Shape, new long[] { 9, 160 });
                    Check.Equal(tensor.ToBytes().Length, 9 * 160 * 4);
                    using (var copy = Tensor.Of(tensor.ToArray(), 9, 160))
                    using (var made = model.CreateEmbedding(copy))
                    {
                        Check.Equal(made.ToArray(), embedding.ToArray());
                        using (var message = Message.User(made, Support.HowMany))
                        using (var answer = model.Ask(message)) Check.Equal(answer.Text, "four");
                    }
                    Check.Fails(Status.BufferTooSmall, () => tensor.CopyTo(new float[5]));
                }
                var path = Path.Combine(folder, "写.safetensors");
                embedding.Save(path);
                using (var read = model.LoadEmbedding(path)) Check.Equal(read.ToArray(), embedding.ToArray());
                var both = model.Encode(new[] { image, image });
                Check.Equal(both[1].ToArray(), both[0].ToArray());
                foreach (var each in both) each.Dispose();
                using (var pixels = model.Preprocess(image)) Check.Equal(pixels.Shape.Length, 3);
                Check.Equal(model.ImageTokens(image), 9L);
                using (var logits = model.Forward(new[] { 1, Model.ImageToken }, new[] { embedding }))
                    Check.Equal(logits.Shape, new long[] { 10, model.Limits.Vocabulary });
                using (var hidden = model.Forward(new[] { 1, 5 }, null, new ForwardOptions { Hidden = true, LastOnly = true }))
                    Check.Equal(hidden.Shape, new long[] { 1, 160 });
            }
            Check.Fails(Status.InvalidArgument, () => Tensor.Of(new float[6], 2, 2));
            Check.Fails(Status.InvalidArgument, () => Tensor.Of(new float[6], long.MaxValue, 6));
        }));
    }

    [Test]
    public static void TokensAndTheirTexts()
    {
        var model = Support.Shared;
        var ids = model.Tokenize("How many </s>?", true);
        Check.Equal(ids[0], model.SpecialToken(SpecialToken.Bos).Value);
        Check.Equal(model.Detokenize(ids), "How many </s>?");
        Check.Contains(model.Detokenize(ids, true), "<s>");
        Check.Equal(model.Tokenize(""), new int[0]);
        Check.That(model.TokenText(ids[1]).Length > 0, "a piece");
        Check.That(model.Limits.Layers > 0 && model.Memory.WeightBytes > 1000000, model.ToString());
        Check.Equal(model.Info["template"]["name"].Text, "llava_v1");
    }
}
