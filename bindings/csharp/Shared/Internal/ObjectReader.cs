// The objects of a JSON list or of JSONL, one by one: a file may be larger than memory.
using System;
using System.IO;
using System.Text;

namespace Llava.Internal
{
    internal sealed class ObjectReader
    {
        private readonly TextReader reader;
        private bool inList;
        private bool first = true;
        private long place;

        public ObjectReader(TextReader reader)
        {
            this.reader = reader;
        }

        /// <summary>The text of the next object, or null at the end.</summary>
        public string Next()
        {
            var found = Between();
            if (first && found == '[')
            {
                inList = true;
                found = Between();
            }
            else if (!first && inList && found != ']')
            {
                if (found != ',') throw Wrong("',' or ']'");
                found = Between();
                if (found == ']') throw Wrong("'{'");
            }
            first = false;
            if (found < 0 && !inList) return null;
            if (found == '{') return Object();
            if (found != ']' || !inList) throw Wrong("'{'");
            if (Between() >= 0) throw Wrong("the end of the file");
            return null;
        }

        private string Object()
        {
            var text = new StringBuilder("{");
            var depth = 1;
            bool quoted = false, escaped = false;
            while (depth > 0)
            {
                var next = Read();
                if (next < 0) throw Wrong("'}'");
                text.Append((char)next);
                if (escaped) escaped = false;
                else if (quoted && next == '\\') escaped = true;
                else if (next == '"') quoted = !quoted;
                else if (!quoted && next == '{') ++depth;
                else if (!quoted && next == '}') --depth;
            }
            return text.ToString();
        }

        private int Between()
        {
            int next;
            do next = Read();
            while (next == ' ' || next == '\t' || next == '\r' || next == '\n');
            return next;
        }

        private int Read()
        {
            ++place;
            return reader.Read();
        }

        private FormatException Wrong(string expected)
        {
            return new FormatException("training data, character " + place + ": expected " + expected);
        }
    }
}
