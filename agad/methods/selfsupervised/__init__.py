"""Rivals that make a task of the normals themselves: which way was an image turned, what was erased of it?"""
