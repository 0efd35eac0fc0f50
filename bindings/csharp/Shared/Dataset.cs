// Training data: LLaVA's JSON or JSONL of conversations about pictures.
using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using Llava.Internal;

namespace Llava
{
    /// <summary>A conversation about pictures, or about none.</summary>
    public sealed class Record
    {
        internal Record(Json fields, string imageRoot)
        {
            Fields = fields;
            var paths = new List<string>();
            var image = fields["image"];
            if (image.Kind == JsonKind.Text) paths.Add(Path.Combine(imageRoot, image.Text));
            foreach (var each in image) paths.Add(Path.Combine(imageRoot, each.Text));
            ImagePaths = paths;
        }

        /// <summary>As in the file.</summary>
        public Json Fields { get; private set; }

        /// <summary>What the file calls it; "" without a name.</summary>
        public string Id
        {
            get { return Fields["id"].Kind == JsonKind.Text ? Fields["id"].Text : Fields["id"].IsNull ? "" : Fields["id"].ToString(); }
        }

        /// <summary>Its pictures' files.</summary>
        public IList<string> ImagePaths { get; private set; }

        /// <summary>Who says what: "from" is "human" or "gpt", "value" the words, in which "&lt;image&gt;" stands for a picture.</summary>
        public Json Turns { get { return Fields["conversations"]; } }
    }

    /// <summary>A file of training data: foreach over its records, which are read one by one, or Check() it for a model.</summary>
    public sealed class Dataset : IEnumerable<Record>
    {
        /// <summary>imageRoot: folder of the pictures; null: the data file's.</summary>
        public Dataset(string path, string imageRoot = null)
        {
            if (path == null) throw new ArgumentNullException("path");
            if (!File.Exists(path)) throw new FileNotFoundException(path + " is not there", path);
            FilePath = path;
            ImageRoot = imageRoot ?? Path.GetDirectoryName(Path.GetFullPath(path));
        }

        /// <summary>The file.</summary>
        public string FilePath { get; private set; }

        /// <summary>Folder of the pictures.</summary>
        public string ImageRoot { get; private set; }

        /// <summary>
        /// What is in the file with the eyes of a model: "records", "usable", "bad" (each that cannot be used, and why), tokens.
        /// `model` is its folder; no weight is read.
        /// </summary>
        public Json Check(string model, DatasetOptions options = null, IProgress<LoadProgress> progress = null,
                          CancellationToken cancel = default(CancellationToken))
        {
            if (model == null) throw new ArgumentNullException("model");
            var heard = Callback.Of(progress);
            var wanted = options ?? new DatasetOptions();
            if (wanted.ImageRoot == null) wanted = Copy(wanted);
            string json = null;
            using (var scope = new CancelScope(cancel))
            using (var given = Internal.Fields.Fill<llava_dataset_options>(wanted))
            {
                given.cancel = scope.Handle;
                Callback.Set(given, heard);
                Callback.During(heard, () => Native.llava_dataset_check(FilePath, model, given, out json));
            }
            return Json.Parse(json);
        }

        /// <summary>The records, in their order. Throws FormatException for what is no JSON.</summary>
        public IEnumerator<Record> GetEnumerator()
        {
            using (var reader = new StreamReader(FilePath))
            {
                var objects = new ObjectReader(reader);
                string text;
                while ((text = objects.Next()) != null) yield return new Record(Json.Parse(text), ImageRoot);
            }
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        private DatasetOptions Copy(DatasetOptions given)
        {
            return new DatasetOptions
            {
                Labels = given.Labels, ImagePlace = given.ImagePlace, Pictures = given.Pictures,
                AllowOutside = given.AllowOutside, Threads = given.Threads, MaxLength = given.MaxLength,
                Seed = given.Seed, Template = given.Template, ImageRoot = ImageRoot
            };
        }
    }
}
